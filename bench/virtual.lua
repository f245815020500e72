-- SPDX-License-Identifier: MIT
-- Seconds for an hour on the virtual clock, in which 1,000 tasks sleep one second each turn: 3.6
-- million sleeps. usage: virtual.lua [scale]

local crun = require "crun"
local testing = require "crun.testing"

local scale = tonumber(arg[1]) or 1
local tasks, turns = 1000, math.ceil(3600 * scale)

local function ticker()
  for _ = 1, turns do crun.sleep(1) end
end

testing.virtual_clock()
local began, real, list = crun.now(), os.clock(), {}
for i = 1, tasks do list[i] = crun.spawn(ticker) end
crun.joinall(list)
assert(math.abs(crun.now() - began - turns) < 1e-6, "the hour took another time")
print(("RESULT virtual crun s=%.3f ns_per_sleep=%.1f")
  :format((os.clock() - real) / scale, (os.clock() - real) * 1e9 / (tasks * turns)))
