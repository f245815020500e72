-- SPDX-License-Identifier: MIT
-- Jobs per second of a pool of two workers: tiny jobs through imap_unordered, one by one, so that
-- each is a message there and one back. What procpool.lua and threadpool.lua have in common.

local crun = require "crun"

local N = math.ceil(50000 * (tonumber(arg[1]) or 1))
local ROUNDS = 5

local function square(x) return x * x end

local function numbers(n)
  local i = -1
  return function()
    i = i + 1
    if i < n then return i end
  end
end

local function run(pool, n)
  local start, sum = crun.now(), 0
  for result in pool:imap_unordered(square, numbers(n)) do sum = sum + result end
  assert(sum == (n - 1) * n * (2 * n - 1) // 6)
  return n / (crun.now() - start)
end

return function(bench, kind)
  local pool <close> = crun[kind](2)
  run(pool, 1000)
  local rates = {}
  for i = 1, ROUNDS do rates[i] = run(pool, N) end
  table.sort(rates)
  print(("RESULT %s crun jobs_s=%.0f"):format(bench, rates[ROUNDS // 2 + 1]))
end
