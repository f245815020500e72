-- SPDX-License-Identifier: MIT
-- wait: which are done and which are still pending; gather: results in the order asked for;
-- as_completed: in the order in which they come. (Lists and booleans are written as Python prints
-- them, to compare with the original.)
-- Run: crun examples/from-python/s002_20_wait_gather.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function do_some_work(x)
  crun.sleep(x * SCALE)
  return ("Done after %ds"):format(x)
end

local function tasks()
  local list = {}
  for i, x in ipairs { 4, 1, 2 } do list[i] = crun.spawn(do_some_work, x) end
  return list
end

local function results(done)
  local list = {}
  for i, task in ipairs(done) do list[i] = ("'%s'"):format(task:result()) end
  table.sort(list)
  return "[" .. table.concat(list, ", ") .. "]"
end

local function any_done(list)
  for _, task in ipairs(list) do
    if task:done() then return true end
  end
  return false
end

local done, pending = crun.wait(tasks())
print("wait: " .. results(done) .. " " .. #pending)

done, pending = crun.wait(tasks(), { timeout = 1.5 * SCALE })
local running = any_done(pending) and "False" or "True"
print(("wait, timeout: %s %d still running: %s"):format(results(done), #pending, running))
for _, task in ipairs(pending) do task:cancel() end

done, pending = crun.wait(tasks(), { when = "first" })
print("wait, first: " .. results(done) .. " " .. #pending)
-- asyncio.run cancels what is left at its end; here the program would wait for it.
for _, task in ipairs(pending) do task.daemon = true end

for _, result in ipairs(crun.gather(tasks())) do
  print("gather Task ret: " .. result)
end
for task in crun.as_completed(tasks()) do
  print("as_completed Task ret: " .. task:get())
end
