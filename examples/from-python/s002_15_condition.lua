-- SPDX-License-Identifier: MIT
-- Two tasks that wake each other through one Condition, in strict turns.
-- Run: crun examples/from-python/s002_15_condition.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local cond, turn = crun.Condition(), "ping"

local function player(me, other, text)
  for _ = 1, 4 do
    local _ <close> = cond:hold()
    cond:wait_for(function() return turn == me end)
    print(text)
    crun.sleep(1 * SCALE)
    turn = other
    cond:notify()
  end
end

local a = crun.spawn(player, "pong", "ping", "--------")
local b = crun.spawn(player, "ping", "pong", "*******")
crun.joinall { a, b }
