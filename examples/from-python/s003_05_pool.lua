-- SPDX-License-Identifier: MIT
-- Two jobs of a pool of processes sleep a second, at the same time, and print ten lines each.
-- Run: crun examples/from-python/s003_05_pool.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function test(name)
  io.stdout:setvbuf "line"
  crun.sleep(1 * SCALE)
  for i = 0, 9 do print(name .. " " .. i) end
end

local pool = crun.ProcessPool(5)
pool:apply_async(test, { "test1" })
pool:apply_async(test, { "test2" })
pool:close()
pool:join()
