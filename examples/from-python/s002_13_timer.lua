-- SPDX-License-Identifier: MIT
-- A Timer of five seconds: join waits for it and its function; a cancelled one never runs.
-- Run: crun examples/from-python/s002_13_timer.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local timer = crun.Timer(5 * SCALE, print, "--------")
timer:start()
local cancelled = crun.Timer(2 * SCALE, print, "never")
cancelled:start()
cancelled:cancel()
timer:join()
cancelled:join()
print("*******")
