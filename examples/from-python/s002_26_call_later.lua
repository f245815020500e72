-- SPDX-License-Identifier: MIT
-- call_later counts from the call. A call that is cancelled never happens, nor does one that is due
-- after the end: it does not keep the program alive.
-- Run: crun examples/from-python/s002_26_call_later.lua

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

local function python(flag)
  return flag and "True" or "False"
end

crun.run(function()
  crun.spawn(work, 1, "A")
  crun.call_later(1.5 * SCALE, hello, "Tom")
  crun.call_soon(hello, "Kitty")
  local task = crun.spawn(work, 2, "B")
  crun.call_later(0.9 * SCALE, hello, "Jerry")
  local late = crun.call_later(9 * SCALE, hello, "nobody")
  local gone = crun.call_later(0.5 * SCALE, hello, "cancelled")
  gone:cancel()
  task:join()
  print(python(late:cancelled()) .. " " .. python(gone:cancelled()))
end)
