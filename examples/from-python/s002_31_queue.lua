-- SPDX-License-Identifier: MIT
-- A bounded queue, two consumers, a stop signal for each, join and task_done. nil is an item like
-- others. (It is written as Python's None, to compare with the original.)
-- Run: crun examples/from-python/s002_31_queue.lua

local crun = require "crun"

local function consumer(n, q)
  print(("consumer %d: waiting for item"):format(n))
  while true do
    print(("consumer %d: waiting for item"):format(n))
    local item = q:get()
    print(("consumer %d: has item %s"):format(n, item or "None"))
    if item == nil then
      q:task_done()
      break
    end
    crun.sleep(0.01 * item)
    q:task_done()
  end
  print(("consumer %d: ending"):format(n))
end

local function producer(q, num_workers)
  print("producer: starting")
  for i = 0, num_workers * 3 - 1 do
    q:put(i)
    print(("producer: added task %d to the queue"):format(i))
    -- Whoever waits is handed the item at once. Where it stays in the queue until the consumer's
    -- turn, as in the original, the queue is full now.
    if i + 1 == num_workers then crun.yield() end
  end
  print("producer: adding stop signals to the queue")
  for _ = 1, num_workers do q:put(nil) end
  print("producer: waiting for queue to empty")
  q:join()
  print("producer: ending")
end

local num_consumers = 2
local q = crun.Queue(num_consumers)
local tasks = {}
for i = 0, num_consumers - 1 do tasks[#tasks + 1] = crun.spawn(consumer, i, q) end
tasks[#tasks + 1] = crun.spawn(producer, q, num_consumers)
crun.joinall(tasks)
