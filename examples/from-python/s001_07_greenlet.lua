-- SPDX-License-Identifier: MIT
-- switch passes values both ways; the parent gets what the function returns.
-- Run: crun examples/from-python/s001_07_greenlet.lua

local crun = require "crun"

local one, two

local function eat(name)
  print(name .. " eat 1")
  local food = two:switch(name)
  print(name .. " eat 2 " .. food)
  two:switch("bye")
end

local function play(name)
  print(name .. " play 1")
  local word = one:switch("rice")
  print(name .. " play 2 " .. word)
  return "done"
end

local function python(flag) return flag and "True" or "False" end

one, two = crun.Greenlet(eat), crun.Greenlet(play)
print("main got: " .. one:switch("egon"))
print("dead: " .. python(one.dead) .. " " .. python(two.dead)
  .. " main: " .. python(crun.getcurrent().parent == nil))
