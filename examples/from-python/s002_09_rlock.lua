-- SPDX-License-Identifier: MIT
-- A re-entrant lock is taken twice by its owner; a plain Lock is not: crun refuses its holder at
-- once, with an error, and lets any other task wait. (The words are written as Python prints them,
-- to compare with the original.)
-- Run: crun examples/from-python/s002_09_rlock.lua

local crun = require "crun"

local num, lock = 0, crun.RLock()

local function fun()
  for _ = 1, 5 do
    local _ <close> = lock:hold()
    num = num + 1
    local _ <close> = lock:hold()
    print(num)
  end
end

local function python(flag)
  return flag and "True" or "False"
end

crun.spawn(fun):get()

local plain = crun.Lock()
do
  local _ <close> = plain:hold()
  assert(not pcall(plain.acquire, plain, 0.05))
  print("plain Lock again: " .. python(crun.spawn(plain.acquire, plain, 0.05):get()))
end

do
  local _ <close> = lock:hold()
  print("RLock again: " .. python(lock:acquire(0.05)))
  lock:release()
end
