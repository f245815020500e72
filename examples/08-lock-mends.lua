-- SPDX-License-Identifier: MIT
-- The same two tasks as in 07-lost-updates.lua, with a lock around each addition: whoever is
-- interrupted in the middle still holds it, so nothing is lost.
-- Run: crun examples/08-lock-mends.lua

local crun = require "crun"

local DEPOSITS = 20000
local balance, lock = 0, crun.Lock()

local function deposit()
  for i = 1, DEPOSITS do
    local held <close> = lock:hold()
    local before = balance
    local receipt = ("deposit %d of %d, %s"):format(i, DEPOSITS, held)
    balance = before + (receipt and 1)
  end
end

crun.preempt(0.001)
for round = 1, 5 do
  balance = 0
  crun.gather(deposit, deposit)
  print(("round %d: %d of %d"):format(round, balance, 2 * DEPOSITS))
end
