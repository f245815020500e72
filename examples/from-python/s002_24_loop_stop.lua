-- SPDX-License-Identifier: MIT
-- stop, called by a task, ends run_forever, after what was ready has had its turn.
-- Run: crun examples/from-python/s002_24_loop_stop.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function work(t)
  print("start")
  crun.sleep(t * SCALE)
  print(("after %ds stop"):format(t))
  crun.stop()
end

local task = crun.spawn(work, 1)
crun.run_forever()
print("task done: " .. (task:done() and "True" or "False"))
crun.run(task)
