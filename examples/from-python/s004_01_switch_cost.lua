-- SPDX-License-Identifier: MIT
-- Switching does not speed up computing: a plain loop against the same loop
-- that resumes a generator at every step.
-- Run: crun examples/from-python/s004_01_switch_cost.lua

local crun = require "crun"
local N, ROUNDS = 500000, 5

local function plain()
  local sum = 0
  for i = 1, N do
    sum = sum + i
  end
  return sum
end

local function switching()
  local step = coroutine.wrap(function()
    while true do
      coroutine.yield()
    end
  end)
  local sum = 0
  for i = 1, N do
    sum = sum + i
    step()
  end
  return sum
end

local function best(f)
  local least = math.huge
  for _ = 1, ROUNDS do
    local start = crun.now()
    f()
    least = math.min(least, crun.now() - start)
  end
  return least
end

local slower = best(switching) > 1.5 * best(plain)
print("switching is slower: " .. (slower and "True" or "False"))
