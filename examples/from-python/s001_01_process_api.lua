-- SPDX-License-Identifier: MIT
-- What a Process tells: name, pid, daemon, is_alive, exitcode; and join with a timeout, terminate.
-- Run: crun examples/from-python/s001_01_process_api.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

-- As Python would write it.
local function show(...)
  local words = table.pack(...)
  for i = 1, words.n do
    local word = words[i]
    if word == nil then word = "None" end
    if type(word) == "boolean" then word = word and "True" or "False" end
    words[i] = tostring(word)
  end
  print(table.concat(words, " "))
end

local p = crun.Process { target = crun.sleep, args = { 3 * SCALE }, name = "napper" }
show("before start:", p.name, p.pid, p:is_alive(), p.exitcode, p.daemon)
p:start()
show("started:", p:is_alive(), p.pid ~= nil and p.pid ~= crun.getpid(), p.exitcode)
local start = crun.now()
local ended = p:join(1 * SCALE)
show("join(timeout) returns", ended, "alive:", p:is_alive(), "early:",
  crun.now() - start < 2 * SCALE)
p:join()
show("joined:", p:is_alive(), p.exitcode)
p:join() -- again: at once

local q = crun.Process { target = crun.sleep, args = { 60 } }
q:start()
q:terminate()
q:join()
show("terminated:", q:is_alive(), q.exitcode)

local r = crun.Process { target = os.exit, args = { 3 } }
r:start()
r:join()
show("exit status:", r.exitcode)
if not pcall(r.start, r) then print("a process starts once") end
