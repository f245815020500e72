-- SPDX-License-Identifier: MIT
-- What it costs to wake tasks, in bare yields among as many tasks. One call wakes 100 that wait
-- (release(100) of a Semaphore, set() of an Event), each of which then waits again; divided by the
-- wake-ups. And handing one unit to and fro between two tasks over two Semaphores, where each
-- wake-up takes a release and an acquire.
-- usage: wake.lua [scale]

local crun = require "crun"

local now = crun.now
local TASKS = 100

-- Nanoseconds for each turn of each task, when `wake` sets all of them going `rounds` times.
local function per_turn(rounds, turn, wake)
  local tasks = {}
  for i = 1, TASKS do
    tasks[i] = crun.spawn(function()
      for _ = 1, rounds do turn() end
    end)
  end
  crun.yield()
  local start = now()
  for _ = 1, rounds do
    wake()
    crun.yield()
  end
  crun.joinall(tasks)
  return (now() - start) * 1e9 / (rounds * TASKS)
end

local function semaphore(rounds)
  local s = crun.Semaphore(0)
  return per_turn(rounds, function() s:acquire() end, function() s:release(TASKS) end)
end

local function event(rounds)
  local e = crun.Event()
  return per_turn(rounds, function() e:wait() end, function()
    e:set()
    e:clear()
  end)
end

local function yields(rounds)
  local yield = crun.yield
  return per_turn(rounds, function() yield() end, function() end)
end

local function to_and_fro(n)
  local there, back = crun.Semaphore(0), crun.Semaphore(0)
  local other = crun.spawn(function()
    for _ = 1, n do
      there:acquire()
      back:release()
    end
  end)
  local start = now()
  for _ = 1, n do
    there:release()
    back:acquire()
  end
  local elapsed = now() - start
  other:join()
  return elapsed * 1e9 / (2 * n)
end

local function two_yields(n)
  local other = crun.spawn(function()
    for _ = 1, n do crun.yield() end
  end)
  local start = now()
  for _ = 1, n do crun.yield() end
  local elapsed = now() - start
  other:join()
  return elapsed * 1e9 / (2 * n)
end

local scale = tonumber(arg[1]) or 1
local rounds, n = math.ceil(20000 * scale), math.ceil(2000000 * scale)
semaphore(100)
local base = yields(rounds)
print(("RESULT wake crun semaphore=%.2f event=%.2f to_and_fro=%.2f"):format(
  semaphore(rounds) / base, event(rounds) / base, to_and_fro(n) / two_yields(n)))
