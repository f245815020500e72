-- SPDX-License-Identifier: MIT
-- Two greenlets that switch to each other by hand. The first one ends, and control goes back to
-- its parent, the main one, while the second still waits to be switched to: it has printed its
-- last number and never comes to its end.
-- Run: crun examples/from-python/s000_02_greenlet.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local one, two

local function counter(other)
  for i = 0, 4 do
    print(i)
    other():switch()
    crun.sleep(0.1 * SCALE)
  end
end

one = crun.Greenlet(function() counter(function() return two end) end)
two = crun.Greenlet(function() counter(function() return one end) end)
one:switch()

local function python(flag) return flag and "True" or "False" end
print("dead: " .. python(one.dead) .. " " .. python(two.dead))
