-- SPDX-License-Identifier: MIT
-- Two tasks wait for an event that is set from a timer, and go on in the order in which they
-- waited.
-- Run: crun examples/from-python/s002_29_event.lua

local crun = require "crun"

local event = crun.Event()

local function state()
  return event:is_set() and "True" or "False"
end

local function set_event()
  print("setting event in callback")
  event:set()
end

local function coro(name)
  print(name .. " waiting for event")
  event:wait()
  print(name .. " triggered")
end

print("event start state: " .. state())
crun.call_later(0.1, set_event)
crun.joinall { crun.spawn(coro, "coro1"), crun.spawn(coro, "coro2") }
print("event end state: " .. state())
