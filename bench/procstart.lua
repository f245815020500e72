-- SPDX-License-Identifier: MIT
-- Milliseconds from the start of a process to its first result, one after the other: a Process that
-- is given a Queue puts one item into it.
-- usage: procstart.lua [scale]

local crun = require "crun"

local N = math.ceil(100 * (tonumber(arg[1]) or 1))

local function child(queue) queue:put(42) end

local queue = crun.Queue()

local function run()
  local start = crun.now()
  local process = crun.Process { target = child, args = { queue } }
  process:start()
  assert(queue:get() == 42)
  local elapsed = (crun.now() - start) * 1e3
  process:join()
  return elapsed
end

run()
local times = {}
for i = 1, N do times[i] = run() end
table.sort(times)
print(("RESULT procstart crun ms=%.3f"):format(times[N // 2 + 1]))
