-- SPDX-License-Identifier: MIT
-- A string of one megabyte to a thread and back, again and again, one at a time: gigabytes per
-- second, counting what is moved in both directions.
-- usage: message.lua [scale]

local crun = require "crun"

local SIZE, ROUNDS = 1000000, 5
local N = math.ceil(1000 * (tonumber(arg[1]) or 1))

local text = ("0123456789"):rep(SIZE // 10)
local thread = crun.Thread {}
thread:start()

local function echo(s) return s end

local function run(n)
  local start = crun.now()
  for _ = 1, n do
    local back = thread:submit(echo, text):get()
    assert(#back == SIZE)
  end
  return 2 * SIZE * n / (crun.now() - start) / 1e9
end

run(20)
local rates = {}
for i = 1, ROUNDS do rates[i] = run(N // ROUNDS) end
table.sort(rates)
thread:cancel()
thread:join()
print(("RESULT message crun gb_s=%.3f"):format(rates[ROUNDS // 2 + 1]))
