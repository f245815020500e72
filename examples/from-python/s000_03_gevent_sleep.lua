-- SPDX-License-Identifier: MIT
-- Two tasks that sleep in turn: their lines alternate, and their naps overlap.
-- Run: crun examples/from-python/s000_03_gevent_sleep.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function work(name)
  for i = 0, 4 do
    print(name .. ":" .. i)
    crun.sleep(0.1 * SCALE)
  end
end

local first = crun.spawn(work, "work1")
local second = crun.spawn(work, "work2")
first:join()
second:join()
