-- SPDX-License-Identifier: MIT
-- Nanoseconds per item through one queue of 100 places: one producer and one consumer, then a
-- hundred of each.
-- usage: queue.lua [scale]

local crun = require "crun"

local function run(pairs_of_tasks, n)
  local queue, per, tasks = crun.Queue(100), n // pairs_of_tasks, {}
  local function produce()
    for i = 1, per do queue:put(i) end
  end
  local function consume()
    for _ = 1, per do queue:get() end
  end
  local start = crun.now()
  for _ = 1, pairs_of_tasks do
    tasks[#tasks + 1] = crun.spawn(produce)
    tasks[#tasks + 1] = crun.spawn(consume)
  end
  crun.joinall(tasks)
  return (crun.now() - start) * 1e9 / (per * pairs_of_tasks)
end

local scale = tonumber(arg[1]) or 1
run(1, 100000)
local one, hundred = run(1, math.ceil(10000000 * scale)), run(100, math.ceil(5000000 * scale))
print(("RESULT queue crun ns_1to1=%.1f ns_100to100=%.1f"):format(one, hundred))
