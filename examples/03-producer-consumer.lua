-- SPDX-License-Identifier: MIT
-- A producer and two consumers over a queue that holds two items. A put waits while the queue is
-- full, a get while it is empty; task_done tells that an item is dealt with, and join waits
-- until all of them are.
--
-- Run: crun examples/03-producer-consumer.lua

local crun = require "crun"

local ITEMS = 8
local queue = crun.Queue(2)
local fullest = 0

local producer = crun.spawn(function()
  for n = 1, ITEMS do
    queue:put("item " .. n)
    fullest = math.max(fullest, #queue)
  end
end)

local eaten = {}
local function consumer(name)
  eaten[name] = 0
  for item in queue:iter() do
    print(name .. " takes " .. item)
    crun.sleep(0.02) -- the work
    eaten[name] = eaten[name] + 1
    queue:task_done()
  end
  print(name .. " goes home")
end

local consumers = { crun.spawn(consumer, "Ann"), crun.spawn(consumer, "Bob") }

producer:join()
queue:join()
print("all done, never more than " .. fullest .. " items inside")

queue:close() -- ends the consumers' loops
crun.joinall(consumers)
print("Ann took " .. eaten.Ann .. ", Bob took " .. eaten.Bob)
