-- SPDX-License-Identifier: MIT
-- Nanoseconds per item of Pool(500):map over 100,000 items with an empty job, and of spawning and
-- joining a task for each of them, 500 at a time. ratio: the one over the other.
-- usage: pool.lua [scale]

local crun = require "crun"

local spawn, now = crun.spawn, crun.now
local N, SIZE = 100000, 500
local rounds = math.max(3, math.ceil(10 * (tonumber(arg[1]) or 1)))

local function empty() end

local items = {}
for i = 1, N do items[i] = i end

local pool = crun.Pool(SIZE)
local function mapped()
  local start = now()
  pool:map(empty, items)
  return (now() - start) * 1e9 / N
end

local function joined()
  local start = now()
  for first = 1, N, SIZE do
    local tasks = {}
    for i = first, first + SIZE - 1 do tasks[#tasks + 1] = spawn(empty, items[i]) end
    crun.joinall(tasks)
  end
  return (now() - start) * 1e9 / N
end

local function median(round)
  local times = {}
  for i = 1, rounds do times[i] = round() end
  table.sort(times)
  return times[rounds // 2 + 1]
end

local map_ns, join_ns = median(mapped), median(joined)
print(("RESULT pool crun map_ns=%.1f join_ns=%.1f ratio=%.2f")
  :format(map_ns, join_ns, map_ns / join_ns))
