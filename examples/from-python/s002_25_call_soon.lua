-- SPDX-License-Identifier: MIT
-- Functions and tasks start in the order given.
-- Run: crun examples/from-python/s002_25_call_soon.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function hello(name)
  print("[hello] Hello, " .. name)
end

local function work(t, name)
  print("[work ] start " .. name)
  crun.sleep(t * SCALE)
  print(("[work ] %s after %ds stop"):format(name, t))
end

crun.run(function()
  crun.spawn(work, 1, "A")
  crun.call_soon(hello, "Tom")
  crun.spawn(work, 2, "B")
  crun.spawn(work, 3, "C"):join()
end)
