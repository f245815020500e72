-- SPDX-License-Identifier: MIT
-- notify(1), notify(2), notify_all over five consumers, which go on in the order in which they
-- waited.
-- Run: crun examples/from-python/s002_30_condition.lua

local crun = require "crun"

local condition = crun.Condition()

local function consumer(n)
  print("----")
  do
    local _ <close> = condition:hold()
    print(("consumer %d is waiting"):format(n))
    condition:wait()
    print(("consumer %d triggered"):format(n))
  end
  print(("ending consumer %d"):format(n))
end

local function manipulate_condition()
  print("starting manipulate_condition")
  crun.sleep(0.1)
  for i = 1, 2 do
    condition:with(function()
      print(("notifying %d consumers"):format(i))
      condition:notify(i)
    end)
    crun.sleep(0.1)
  end
  condition:with(function()
    print("notifying remaining consumers")
    condition:notify_all()
  end)
  print("ending manipulate_condition")
end

local tasks = {}
for n = 0, 4 do tasks[#tasks + 1] = crun.spawn(consumer, n) end
tasks[#tasks + 1] = crun.spawn(manipulate_condition)
crun.joinall(tasks)
