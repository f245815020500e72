-- SPDX-License-Identifier: MIT
-- Two generators resumed in turn. Lua's coroutines mean under crun what they always mean,
-- so a generator needs nothing from the library.
-- Run: crun examples/from-python/s000_01_generators.lua

local function work(name)
  return coroutine.wrap(function()
    for i = 0, 9 do
      print("---" .. name .. "获取数据" .. i)
      coroutine.yield(i)
    end
  end)
end

local first, second = work("work1"), work("work2")
repeat until not (first() and second())
