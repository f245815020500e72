-- SPDX-License-Identifier: MIT
-- Barrier(3) and nine tasks that come a second apart: let through in threes at 3, 6 and 9 s.
-- Run: crun examples/from-python/s002_12_barrier.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local bar, start = crun.Barrier(3), crun.now()

local function fun(num)
  bar:wait()
  print(("-------- %d in second %.0f"):format(num, (crun.now() - start) / SCALE))
end

local tasks = {}
for i = 0, 8 do
  crun.sleep(1 * SCALE)
  tasks[#tasks + 1] = crun.spawn(fun, i)
end
crun.joinall(tasks)
print("*******")
