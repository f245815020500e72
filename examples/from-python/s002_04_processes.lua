-- SPDX-License-Identifier: MIT
-- Ten processes; number n prints 0 to n - 1, a second apart. They run at once.
-- Run: crun examples/from-python/s002_04_processes.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function count(number)
  io.stdout:setvbuf "line"
  for n = 0, number - 1 do
    print(n)
    crun.sleep(1 * SCALE)
  end
end

local processes = {}
for number = 0, 9 do
  local process = crun.Process { target = count, args = { number } }
  process:start()
  processes[#processes + 1] = process
end
for _, process in ipairs(processes) do process:join() end
