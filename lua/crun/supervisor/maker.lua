-- SPDX-License-Identifier: MIT
--
-- Functions as workers: as processes, threads or tasks.

local core = require "crun.core"

local observe = core.pool.observe

local M = {}

---@class crun.Supervisor.TaskWorker a function run as a task, with the methods of a worker
local TaskWorker = {}
TaskWorker.__index = TaskWorker

function TaskWorker:start()
  self.task = core.spawn(self.target, table.unpack(self.args, 1, self.args.n or #self.args))
  self.task.name = self.name
  observe(self.task)
end

function TaskWorker:join(timeout) return self.task:join(timeout) end

function TaskWorker:terminate() self.task:cancel("its supervisor ends it") end

function TaskWorker:get() return self.task:get() end

local MAKERS = {
  tasks = function(options) return setmetatable(options, TaskWorker) end,
  threads = function(options) return require("crun.thread").Thread(options) end,
  processes = function(options) return require("crun.process").Process(options) end,
}

---@param worker crun.Supervisor.Spec
---@return fun(name: string): any make a worker that has not been started
function M.of(worker)
  if worker.make then return worker.make end
  local make = MAKERS[worker.on]
  return function(name) return make { target = worker.target, args = worker.args, name = name } end
end

return M
