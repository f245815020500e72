-- SPDX-License-Identifier: MIT
-- Ten jobs at once on a pool of ten processes; number n prints 0 to n - 1, a second apart.
-- Run: crun examples/from-python/s002_05_pool.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function count(number)
  io.stdout:setvbuf "line"
  for n = 0, number - 1 do
    print(n)
    crun.sleep(1 * SCALE)
  end
end

local pool = crun.ProcessPool(10)
for number = 0, 9 do pool:apply_async(count, { number }) end
pool:close()
pool:join()
