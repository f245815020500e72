-- SPDX-License-Identifier: MIT
-- What is under the lock runs to its end before the other task may enter it; the early return
-- leaves the lock.
-- Run: crun examples/from-python/s002_28_lock.lua

local crun = require "crun"

local seen, lock = {}, crun.Lock()

local function work(name)
  print([[\\\\\\ ]] .. name)
  local _ <close> = lock:hold()
  print(name .. " start")
  if seen.x then return name end
  print("++++++++++ " .. name)
  crun.yield()
  print("---------- " .. name)
  seen.x = true
  print(name .. " end")
  return name
end

local function one()
  print(work("one") .. " ok")
end

local function two()
  print("///////////")
  print(work("two") .. " ok")
end

crun.joinall { crun.spawn(one), crun.spawn(two) }
print("locked: " .. (lock:locked() and "True" or "False"))
