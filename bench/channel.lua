-- SPDX-License-Identifier: MIT
-- Nanoseconds per round trip of a number between two tasks, over two channels without capacity: two
-- sends and two receives, each of which wakes the other task or waits for it. And what one of
-- these four costs, in bare yields of two tasks.
-- usage: channel.lua [scale]

local crun = require "crun"

local now = crun.now

local function round_trip(n)
  local there, back = crun.Channel(), crun.Channel()
  local echo = crun.spawn(function()
    for value in there:iter() do back:send(value) end
  end)
  local start = now()
  for i = 1, n do
    there:send(i)
    back:recv()
  end
  local elapsed = now() - start
  there:close()
  echo:join()
  return elapsed * 1e9 / n
end

local function yield(n)
  local other = crun.spawn(function()
    for _ = 1, n do crun.yield() end
  end)
  local start = now()
  for _ = 1, n do crun.yield() end
  local elapsed = now() - start
  other:join()
  return elapsed * 1e9 / (2 * n)
end

round_trip(10000)
local n = math.ceil(2000000 * (tonumber(arg[1]) or 1))
local ns = round_trip(n)
print(("RESULT channel crun ns=%.1f yields=%.2f"):format(ns, ns / 4 / yield(n)))
