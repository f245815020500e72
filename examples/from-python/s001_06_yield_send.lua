-- SPDX-License-Identifier: MIT
-- A producer sends values into two suspended consumers: what Python writes as a
-- generator's send() is a plain call of a wrapped coroutine.
-- Run: crun examples/from-python/s001_06_yield_send.lua

local function consumer(name)
  return coroutine.wrap(function()
    print(name .. " ready")
    while true do
      print(name .. " eats " .. coroutine.yield())
    end
  end)
end

local function producer(...)
  local consumers = { ... }
  for _, start in ipairs(consumers) do
    start()
  end
  for i = 0, 2 do
    print("made " .. i)
    for _, send in ipairs(consumers) do
      send(i)
    end
  end
end

producer(consumer("A"), consumer("B"))
