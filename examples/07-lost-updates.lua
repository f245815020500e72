-- SPDX-License-Identifier: MIT
-- Two tasks add to one number, without a lock. Undisturbed, each addition is whole. With preemption
-- a task may be interrupted between reading the number and writing it back; what the other one
-- added meanwhile is lost.
-- Run: crun examples/07-lost-updates.lua

local crun = require "crun"

local DEPOSITS = 20000
local balance = 0

local function deposit()
  for i = 1, DEPOSITS do
    local before = balance
    local receipt = ("deposit %d of %d"):format(i, DEPOSITS)
    balance = before + (receipt and 1)
  end
end

local function run()
  balance = 0
  crun.gather(deposit, deposit)
  return balance < 2 * DEPOSITS
end

print("undisturbed, updates were lost: " .. tostring(run()))

-- The switch comes when it comes: maybe not in the first round.
crun.preempt(0.001)
local lost
repeat lost = run() until lost
print("with preemption, updates were lost: " .. tostring(lost))
