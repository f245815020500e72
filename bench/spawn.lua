-- SPDX-License-Identifier: MIT
-- Nanoseconds to start one empty task and to wait for its end, 100,000 of them outstanding at once.
-- ns: every handle is kept and joined. counted_ns: no handle is kept and the last task wakes the
-- spawner, as with a wait group. first_ns: the first round, in a cold process.
-- usage: spawn.lua [scale]

local crun = require "crun"

local spawn, now = crun.spawn, crun.now
local N = 100000
local rounds = math.max(3, math.ceil(20 * (tonumber(arg[1]) or 1)))

local function empty() end

local function joined()
  local start, tasks = now(), {}
  for i = 1, N do tasks[i] = spawn(empty) end
  crun.joinall(tasks)
  return (now() - start) * 1e9 / N
end

local over = crun.Queue(1)
local function counted()
  local start, left = now(), N
  local function task()
    left = left - 1
    if left == 0 then over:put(true) end
  end
  for _ = 1, N do spawn(task) end
  over:get()
  return (now() - start) * 1e9 / N
end

local function median(round)
  local times = {}
  for i = 1, rounds do times[i] = round() end
  local first = times[1]
  table.sort(times)
  return times[rounds // 2 + 1], first
end

local ns, first = median(joined)
local count_ns = median(counted)
print(("RESULT spawn crun ns=%.1f first_ns=%.1f counted_ns=%.1f"):format(ns, first, count_ns))
