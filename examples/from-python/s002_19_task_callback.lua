-- SPDX-License-Identifier: MIT
-- A callback for the end of a task runs after the end, never inside of on_done; what has not ended
-- has no result yet. (The words are written as Python prints them, to compare with the original.)
-- Run: crun examples/from-python/s002_19_task_callback.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function do_some_work(x)
  print("Waiting: " .. x)
  crun.sleep(x * SCALE)
  return ("Done after %ds"):format(x)
end

local function callback(task)
  print("Callback: " .. task:result())
end

local function python(flag)
  return flag and "True" or "False"
end

local task = crun.spawn(do_some_work, 2)
task:on_done(callback)
local task2 = crun.spawn(do_some_work, 1)
print(("pending: %s %s"):format(python(not task:done()), python(not task2:done())))
print("Task ret: " .. task:get())
print("Task ret: " .. task2:result())
task2:on_done(callback) -- on one done already: called soon, not now
print("added late")
crun.yield()

local unfinished = crun.spawn(do_some_work, 9)
unfinished.daemon = true -- the program need not wait for it
local _, _, code = unfinished:get(0)
if code == "ETIMEDOUT" then print("not done: Result is not set.") end
crun.yield()
