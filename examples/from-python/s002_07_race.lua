-- SPDX-License-Identifier: MIT
-- Two tasks read, wait and write: updates are lost. Where nothing waits in between, none is lost,
-- unless preemption is turned on: see examples/07-lost-updates.lua.
-- Run: crun examples/from-python/s002_07_race.lua

local crun = require "crun"

local num = 0

local function func()
  for _ = 1, 100 do
    local old = num
    crun.sleep(0.0001) -- the switch
    num = old + 1
  end
end

local function safe()
  for _ = 1, 100 do
    num = num + 1 -- no switch inside: nothing is lost
  end
end

for _, case in ipairs { { "func", func }, { "safe", safe } } do
  local name, fn = case[1], case[2]
  num = 0
  crun.joinall { crun.spawn(fn), crun.spawn(fn) }
  print(name .. " " .. (num < 200 and "lost updates" or "all 200"))
end
