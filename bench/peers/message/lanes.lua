-- SPDX-License-Identifier: MIT
-- A string of one megabyte to a lane and back: gigabytes per second, both directions counted.
local lanes = require "lanes".configure()
local now = require "socket".gettime

local SIZE, N, ROUNDS = 1000000, 200, 5
local there, back = lanes.linda {}, lanes.linda {}
local text = ("0123456789"):rep(SIZE // 10)
lanes.gen("base", function()
  while true do
    local _, s = there:receive("s")
    if s == "stop" then return end
    back:send("s", s)
  end
end)()

local function run(n)
  local start = now()
  for _ = 1, n do
    there:send("s", text)
    local _, s = back:receive("s")
    assert(#s == SIZE)
  end
  return 2 * SIZE * n / (now() - start) / 1e9
end

run(20)
local rates = {}
for i = 1, ROUNDS do rates[i] = run(N) end
table.sort(rates)
there:send("s", "stop")
print(("RESULT message lanes gb_s=%.3f"):format(rates[ROUNDS // 2 + 1]))
