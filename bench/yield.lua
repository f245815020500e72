-- SPDX-License-Identifier: MIT
-- Nanoseconds per crun.yield() among 2 and among 10,000 tasks, all of them always ready.
-- usage: yield.lua [scale]

local crun = require "crun"

local yield, now = crun.yield, crun.now
local scale = tonumber(arg[1]) or 1

-- The clock starts when the last task has had its first turn, so that starting them is not counted.
local function run(k, n)
  local per, ready, start, tasks = n // k, 0, 0, {}
  local function task()
    ready = ready + 1
    if ready == k then start = now() end
    while ready < k do yield() end
    for _ = 1, per do yield() end
  end
  for i = 1, k do tasks[i] = crun.spawn(task) end
  crun.joinall(tasks)
  return (now() - start) * 1e9 / (per * k)
end

local n = math.ceil(5000000 * scale)
run(2, 100000)
local few, many = run(2, n), run(10000, n)
print(("RESULT yield crun ns_k2=%.1f ns_k10000=%.1f"):format(few, many))
