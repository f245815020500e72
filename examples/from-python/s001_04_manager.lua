-- SPDX-License-Identifier: MIT
-- A table and a list of a manager, which ten processes change: the parent sees all changes.
-- Run: crun examples/from-python/s001_04_manager.lua

local crun = require "crun"

local function work(squares, order, i)
  squares[i] = i * i
  order:append(i)
end

local manager <close> = crun.Manager()
local squares, order = manager:dict(), manager:list()
local processes = {}
for i = 0, 9 do
  local process = crun.Process { target = work, args = { squares, order, i } }
  process:start()
  processes[#processes + 1] = process
end
for _, process in ipairs(processes) do process:join() end

local pairs_of, numbers = {}, {}
for i = 0, 9 do pairs_of[#pairs_of + 1] = i .. ": " .. squares[i] end
for _, i in ipairs(order) do numbers[#numbers + 1] = i end
table.sort(numbers)
print("{" .. table.concat(pairs_of, ", ") .. "}")
print("[" .. table.concat(numbers, ", ") .. "]")
