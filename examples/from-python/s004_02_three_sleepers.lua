-- SPDX-License-Identifier: MIT
-- Sleeps of 2, 3 and 5 seconds in three tasks take 5 seconds, not 10.
-- Run: crun examples/from-python/s004_02_three_sleepers.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function say(word, nap)
  print(word)
  crun.sleep(nap * SCALE)
  print(word)
end

local start = crun.now()
crun.joinall {
  crun.spawn(say, "哼", 2),
  crun.spawn(say, "哈", 3),
  crun.spawn(say, "heiheihei", 5),
}
print(("seconds: %.0f"):format((crun.now() - start) / SCALE))
