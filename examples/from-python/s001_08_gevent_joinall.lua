-- SPDX-License-Identifier: MIT
-- joinall waits for every task, however it ends: one that fails stops neither the others nor
-- the wait, and its error object stays readable afterwards. (The last line is written as
-- Python prints it, to compare with the original.)
-- Run: crun examples/from-python/s001_08_gevent_joinall.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local two = setmetatable({}, {
  __name = "ValueError",
  __tostring = function() return "ValueError('two')" end,
})

local function work(n, nap)
  print("start " .. n)
  crun.sleep(nap * SCALE)
  if n == 2 then error(two) end
  print("end " .. n)
  return n * 10
end

local function list(tasks, describe)
  local words = {}
  for i, task in ipairs(tasks) do words[i] = describe(task) end
  return "[" .. table.concat(words, ", ") .. "]"
end

local tasks = { crun.spawn(work, 1, 3), crun.spawn(work, 2, 1), crun.spawn(work, 3, 2) }
crun.joinall(tasks)

local values = list(tasks, function(task) return task:result() or "None" end)
local good = list(tasks, function(task) return task:exception() and "False" or "True" end)
print(values .. " " .. good .. " " .. tostring(tasks[2]:exception()))
