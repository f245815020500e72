-- SPDX-License-Identifier: MIT
-- Items per second through a queue that is passed to processes. items_s: a process puts, its
-- parent, who owns the queue, gets. items_s_children: two processes, one puts and one gets.
-- usage: proxy.lua [scale]

local crun = require "crun"

local N = math.ceil(20000 * (tonumber(arg[1]) or 1))

local function produce(queue, ready, go, n)
  ready:put(true)
  go:get()
  for i = 1, n do queue:put(i) end
end

local function consume(queue, n)
  local sum = 0
  for _ = 1, n do sum = sum + queue:get() end
  assert(sum == n * (n + 1) // 2)
end

local function consume_there(queue, ready, n)
  ready:put(true)
  consume(queue, n)
  ready:put(true)
end

local queue, ready, go = crun.Queue(), crun.Queue(), crun.Queue()

local function start(target, ...)
  local process = crun.Process { target = target, args = { ... } }
  process:start()
  ready:get()
  return process
end

local function to_parent(n)
  local producer = start(produce, queue, ready, go, n)
  local began = crun.now()
  go:put(true)
  consume(queue, n)
  local elapsed = crun.now() - began
  producer:join()
  return n / elapsed
end

local function between_children(n)
  local producer = start(produce, queue, ready, go, n)
  local consumer = start(consume_there, queue, ready, n)
  local began = crun.now()
  go:put(true)
  ready:get()
  local elapsed = crun.now() - began
  producer:join()
  consumer:join()
  return n / elapsed
end

print(("RESULT proxy crun items_s=%.0f items_s_children=%.0f")
  :format(to_parent(N), between_children(N)))
