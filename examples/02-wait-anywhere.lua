-- SPDX-License-Identifier: MIT
-- A task may wait anywhere, also where a C function is in the way: inside the comparator of
-- table.sort, the callback of string.gsub, and a generator made by coroutine.wrap.
-- While the main task waits there, another one goes on counting.
--
-- Run: crun examples/02-wait-anywhere.lua

local crun = require "crun"

local ticks = 0
local ticker = crun.spawn(function()
  while true do
    crun.sleep(0.001)
    ticks = ticks + 1
  end
end)
ticker.daemon = true -- the program does not wait for it

-- Stands for a question to a slow service: the answer takes a few milliseconds.
local function ask(answer)
  crun.sleep(0.005)
  return answer
end

-- Prints a result, and whether the ticker ran since the last one.
local seen = 0
local function show(what, result)
  print(("%-16s %-24s others ran: %s"):format(what, result, ticks > seen))
  seen = ticks
end

local words = { "pear", "fig", "apple", "banana" }
table.sort(words, function(a, b) return ask(#a) < ask(#b) end)
show("table.sort", table.concat(words, " "))

local text = string.gsub("2 + 3 * 4", "%d", function(digit) return ask(digit * 10) end)
show("string.gsub", text)

local squares = coroutine.wrap(function()
  for n = 1, 5 do
    coroutine.yield(ask(n * n))
  end
end)
local got = {}
for square in squares do got[#got + 1] = square end
show("coroutine.wrap", table.concat(got, " "))

local slow = setmetatable({}, { __index = function(_, key) return ask(key .. "!") end })
show("__index", slow.hello)
