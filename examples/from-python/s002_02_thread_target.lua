-- SPDX-License-Identifier: MIT
-- A task that counts beside the main one, which goes on at once.
-- Run: crun examples/from-python/s002_02_thread_target.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function func(num)
  for _ = 1, 5 do
    print(num)
    num = num + 1
    crun.sleep(1 * SCALE)
  end
end

local task = crun.spawn(func, 1)
crun.sleep(0.5 * SCALE)
print("main goes on")
task:join()
