-- SPDX-License-Identifier: MIT
-- Two processes, ten lines each, a second apart.
-- Run: crun examples/from-python/s003_04_two_processes.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function test(name)
  io.stdout:setvbuf "line"
  for i = 0, 9 do
    crun.sleep(1 * SCALE)
    print(name .. " " .. i)
  end
end

local processes = {}
for i, name in ipairs { "test1", "test2" } do
  processes[i] = crun.Process { target = test, args = { name } }
  processes[i]:start()
end
for _, process in ipairs(processes) do process:join() end
