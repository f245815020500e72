-- SPDX-License-Identifier: MIT

--- `CRUN_GCSTRESS=1` forces the collector at every chance while a test runs.
---
--- A pause of 1 % starts the next cycle as soon as one ends, the smallest step size makes every
--- allocation a step, and the largest multiplier lets a step do a good part of a cycle: a few
--- dozen allocations see a whole cycle. A count hook in the main task adds complete
--- collections between instructions that allocate nothing.
local M = {}

M.enabled = (os.getenv("CRUN_GCSTRESS") or "0") ~= "0"

local PAUSE, MULTIPLIER, STEP = 1, 1000, 1
local INSTRUCTIONS_PER_COLLECTION = 2000

function M.begin()
  if not M.enabled then return end
  collectgarbage("incremental", PAUSE, MULTIPLIER, STEP)
  debug.sethook(function() collectgarbage() end, "", INSTRUCTIONS_PER_COLLECTION)
end

function M.finish()
  if not M.enabled then return end
  debug.sethook()
  collectgarbage("incremental", 200, 100, 13)
end

return M
