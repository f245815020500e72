-- SPDX-License-Identifier: MIT
-- The same with a Lock around reading and writing: nothing is lost.
-- Run: crun examples/from-python/s002_08_lock.lua

local crun = require "crun"

local num, lock = 0, crun.Lock()

local function run()
  for _ = 1, 100 do
    lock:with(function()
      local old = num
      crun.sleep(0)
      num = old + 1
    end)
  end
end

crun.joinall { crun.spawn(run), crun.spawn(run) }
print(num)
