-- SPDX-License-Identifier: MIT
-- Five objects of a class whose method `run` is each one's task, printing once a second. Threads
-- that share the program's state become tasks.
-- Run: crun examples/from-python/s002_01_thread_class.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local Printer = {}
Printer.__index = Printer

function Printer:run()
  for _ = 1, self.rounds do
    print("------------")
    crun.sleep(1 * SCALE)
  end
end

function Printer:start()
  self.task = crun.spawn(self.run, self)
  return self.task
end

local tasks = {}
for i = 1, 5 do
  tasks[i] = setmetatable({ rounds = 3 }, Printer):start()
end
crun.joinall(tasks)
