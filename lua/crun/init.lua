-- SPDX-License-Identifier: MIT
--
-- Module crun: the functions of crun.core, in C, and those that are nicer in Lua.

local M = require "crun.core"

-- No function of this module's own chunks is interrupted by preemption.
M.faces(debug.getinfo(1, "S").source:match("^(.*)init%.lua$"))
M.faces = nil

local gather = require "crun.gather"
local loop = require "crun.loop"
local wait = require "crun.wait"

M.gather = gather.gather
M.race = gather.race
M.wait = wait.wait
M.as_completed = wait.as_completed
M.joinall = wait.joinall
M.killall = wait.killall
M.net = require "crun.net"
M.run = loop.run
M.run_forever = loop.run_forever
M.stop = loop.stop
M.Timer = require("crun.timer").Timer
M.Pool = require "crun.pool".Pool
require "crun.error"

local core_tasks = M.tasks

---The live tasks, the main one included, in the order in which they were spawned.
---Switches: never.
---@return crun.Task[]
function M.tasks()
  local list = core_tasks()
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

return setmetatable(M, { __index = require "crun.lazy".find })
