-- SPDX-License-Identifier: MIT
--
-- A worker of `crun --workers` as the master sees it: what a Supervisor keeps alive.

local core = require "crun.core"
local kinds = require "crun.prefork.kinds"
local program = require "crun.program"

local workers = core.workers
local M = {}

local SIGCONT, SIGKILL = core.signals.SIGCONT, core.signals.SIGKILL
local SIGTERM = core.signals.SIGTERM

---The descriptor of the port in the worker.
local PORT = 3

---@class crun.prefork.Worker
---@field id integer
---@field generation integer
---@field ready boolean
---@field package child? crun.Child
---@field package port? crun.Port
local Worker = {}

function Worker:__index(key)
  if key == "pid" then return self.child and self.child.pid end
  if key == "exitcode" then
    local code = self.child and self.child:poll()
    return code
  end
  return Worker[key]
end

---master: arguments, grace, sockets; on_ready(worker) is called once.
function M.new(master, id, generation, on_ready)
  return setmetatable({
    master = master, id = id, generation = generation, on_ready = on_ready, ready = false,
    asked = {}, -- for sockets, by what: how often
  }, Worker)
end

local function arguments_of(self)
  return table.move(self.master.arguments, 1, #self.master.arguments, 3,
    { self.master.name, "--prefork=" .. self.id })
end

---A group of its own: what the terminal sends to the foreground is the master's to handle.
local function execute(self)
  local file, why, problem = program.find()
  if not file then return nil, why, problem end
  local ours, theirs, failed = core.socketpair()
  if not ours then return nil, theirs, failed end
  local child, message, code = core.child {
    file = file, args = arguments_of(self), group = true,
    fds = { [0] = "null", [1] = "inherit", [2] = "inherit", [PORT] = theirs },
  }
  core.close_fd(theirs)
  if child then return child, ours end
  core.close_fd(ours)
  return nil, message, code
end

local function become_ready(self)
  if self.ready or self.exitcode then return end
  self.ready = true
  self.on_ready(self)
end

---What a worker asked for, or why it does not get it. Sending takes a copy of the descriptor, for
---which there may be none left.
local function answer(self, id, host, port, options)
  local sockets = self.master.sockets
  local ok, listener, message, code = pcall(sockets.open, sockets, self, host, port, options)
  if core.remote.is_cancelled(listener) then error(listener, 0) end
  if not ok then
    self.port:post(kinds.LISTENER, id, 0, kinds.RAISED, tostring(listener))
  elseif not listener then
    self.port:post(kinds.LISTENER, id, 0, kinds.FAILED, message, code)
  else
    local sent, problem = pcall(self.port.post, self.port, kinds.LISTENER, id, 0, kinds.OPENED,
      listener)
    if sent then return end
    self.port:post(kinds.LISTENER, id, 0, kinds.FAILED, tostring(problem), "EMFILE")
  end
end

local function hear(self)
  while true do
    local kind, id, _, host, port, options = self.port:recv()
    if kind == kinds.LISTEN then
      answer(self, id, host, port, options)
    elseif kind == kinds.READY then
      become_ready(self)
    elseif kind == nil then
      return
    end
  end
end

---Starts the process. Switches: never.
---@return true? started, string? message, string? code
function Worker:start()
  local child, fd, code = execute(self)
  if not child then return nil, fd, code end
  self.child = child
  workers.greet(fd)
  self.port = core.port_open(fd)
  self.port:post(kinds.SETUP, 0, 0, { grace = self.master.grace })
  local task = core.spawn(hear, self)
  task.daemon, task.name = true, ("hearing worker %d"):format(self.id)
  return true
end

---May wait.
function Worker:join()
  self.child:wait()
  self.port:close()
end

---Asks it to drain. A message and not the signal, which somebody else may send to all of us: the
---second one would end the worker at once.
function Worker:terminate()
  if not self.port:post(kinds.DRAIN, 0, 0) then self.child:kill(SIGTERM) end
  self.child:kill(SIGCONT)
end

---Ends it at once, with all that it has started.
function Worker:kill()
  self.child:kill(SIGKILL, true)
end

return M
