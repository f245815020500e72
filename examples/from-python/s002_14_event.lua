-- SPDX-License-Identifier: MIT
-- One task waits for an event, prints and clears it; the main one sets it every second. An event
-- that is set before the wait is remembered.
-- Run: crun examples/from-python/s002_14_event.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local event, over = crun.Event(), false

local function fun()
  while true do
    event:wait()
    event:clear()
    if over then break end
    print("--------")
  end
end

local task = crun.spawn(fun)
for _ = 1, 5 do
  crun.sleep(1 * SCALE)
  print("********")
  event:set()
end
crun.sleep(0.5 * SCALE)
over = true
event:set()
task:join()
