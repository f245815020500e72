-- SPDX-License-Identifier: MIT
-- A function is no task until it is spawned. run() is the loop's run_until_complete: the function's
-- results, once all that it started has ended; wait() takes tasks and tells which are done and
-- which are not. (The list is written as Python prints it, to compare with the original.)
-- Run: crun examples/from-python/s002_17_run_and_wait.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function write(name, nap)
  print(name .. " start")
  crun.sleep(nap * SCALE)
  print(name .. " end")
  return name
end

local function main()
  local function lazy() return write("lazy", 0) end
  print("nothing ran yet")
  print(lazy())

  local tasks = { crun.spawn(write, "coro1", 2), crun.spawn(write, "coro2", 1) }
  local done, pending = crun.wait(tasks)
  local names = {}
  for i, task in ipairs(done) do names[i] = ("'%s'"):format(task:result()) end
  table.sort(names)
  print(("[%s] %d"):format(table.concat(names, ", "), #pending))
end

print(crun.run(write, "write", 1))
crun.run(main)
