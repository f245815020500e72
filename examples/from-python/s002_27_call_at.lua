-- SPDX-License-Identifier: MIT
-- The same with call_at, on the clock of crun.now; what has passed is called soon.
-- Run: crun examples/from-python/s002_27_call_at.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function hello(name)
  print("[hello] Hello, " .. name)
end

local function work(t, name)
  print(("[work%s] start"):format(name))
  crun.sleep(t * SCALE)
  print(("[work%s] stop"):format(name))
end

crun.run(function()
  local start = crun.now()
  crun.spawn(work, 1, "A")
  crun.call_at(start + 1.5 * SCALE, hello, "Tom")
  crun.call_soon(hello, "Kitty")
  local task = crun.spawn(work, 2, "B")
  crun.call_at(start + 0.9 * SCALE, hello, "Jerry")
  crun.call_at(start - 1, hello, "the past runs soon")
  task:join()
end)
