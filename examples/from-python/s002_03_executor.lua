-- SPDX-License-Identifier: MIT
-- Ten jobs of a second on a pool of three threads: three at a time, results in the order of the
-- inputs, four seconds in all.
-- Run: crun examples/from-python/s002_03_executor.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function job(number)
  print("--- " .. number)
  crun.sleep(1 * SCALE)
  return number * 2
end

local executor <close> = crun.ThreadPool(3)
local results = executor:map(job, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { chunk = 1 })
print("[" .. table.concat(results, ", ") .. "]")
