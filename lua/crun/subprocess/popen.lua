-- SPDX-License-Identifier: MIT
--
-- Popen: a child process with its three streams.
--
-- Feeding and draining are tasks of their own, one for each pipe, so that a child which writes
-- before it has read everything is no deadlock. They belong to nobody's scope: who stops waiting
-- for them finds them again at the next communicate.

local check = require "crun.check"
local core = require "crun.core"
local pipes = require "crun.subprocess.pipes"
local result = require "crun.subprocess.result"

local M = {}

local CLASS = "crun.Popen"
local SIGKILL = core.signals.SIGKILL
local STREAMS = pipes.STREAMS

---@class crun.Popen
---@field stdin? crun.Stream its standard input, to be written
---@field stdout? crun.Stream its output, to be read
---@field stderr? crun.Stream
---@field pid integer
---@field args string[]
---@field package child crun.Child
---@field package group boolean it leads a process group
---@field package max_output integer
---@field package tasks? table<string, crun.Task> that feed and drain, by the streams' names
---@field package left? boolean it could not be killed
---@field package excess? string which output was larger than max_output
local Popen = {}
Popen.__index = Popen
Popen.__name = CLASS
Popen.__metatable = CLASS
Popen.__unsendable = "a Popen"

-- --- starting ------------------------------------------------------------------------------------

---Starts a process.
---Switches: never.
---@param spec crun.subprocess.Spec
---@return crun.Popen? popen, string? message, string? code
function M.start(spec)
  local ours, theirs, code = pipes.open(spec.fds)
  if not ours then return nil, theirs, code end
  spec.child.fds = spec.fds
  local child, message
  child, message, code = core.child(spec.child)
  if not child then
    pipes.close(ours, theirs)
    return nil, message, code
  end
  pipes.close({}, theirs)
  ours.child, ours.pid, ours.args, ours.group = child, child.pid, spec.words, spec.group
  ours.max_output = spec.max_output
  return setmetatable(ours, Popen)
end

-- --- its end -------------------------------------------------------------------------------------

---Waits for the end. Any number of tasks may wait, and all get the same.
---May wait.
---@param timeout? number seconds
---@return integer? code of exit; -n if killed by signal n
---@return integer|string|nil signal n; or a message
---@return string? failure "ETIMEDOUT"
function Popen:wait(timeout)
  check.self(self, CLASS, "wait")
  if timeout ~= nil then check.seconds(timeout, 1, "wait") end
  return self.child:wait(timeout)
end

---The same without waiting: nil alone while it runs.
---Switches: never.
---@return integer? code, integer? signal
function Popen:poll()
  check.self(self, CLASS, "poll")
  return self.child:poll()
end

local function signal_number(signal)
  if math.type(signal) == "integer" and signal >= 0 and signal <= 64 then return signal end
  local number = type(signal) == "string" and core.signals[signal]
  if number then return number end
  error(("bad argument #1 to 'send_signal' (a signal's number or name expected, got %s)")
    :format(tostring(signal)), 3)
end

---Sends a signal to the process alone.
---Switches: never.
---@param signal integer|string a number, or a name as "SIGHUP"
---@return true? sent, string? message, string? code "ESRCH": it has ended
function Popen:send_signal(signal)
  check.self(self, CLASS, "send_signal")
  return self.child:kill(signal_number(signal))
end

---Sends SIGTERM to the process, and to its process group if it leads one.
---Switches: never.
---@return true? sent, string? message, string? code "ESRCH": nobody is left
function Popen:terminate()
  check.self(self, CLASS, "terminate")
  return self.child:kill(core.signals.SIGTERM, self.group)
end

---The same with SIGKILL.
---Switches: never.
---@return true? sent, string? message, string? code "ESRCH": nobody is left
function Popen:kill()
  check.self(self, CLASS, "kill")
  return self.child:kill(SIGKILL, self.group)
end

-- --- feeding and draining ------------------------------------------------------------------------

---A child that does not want to read more is no failure.
local function feed(stream, input)
  local ok, message, code = stream:write(input)
  stream:close()
  if not ok and code ~= "EPIPE" and code ~= "ECLOSED" then return nil, message, code end
  return ""
end

local function drain(self, name)
  local stream = self[name]
  local data, message, code = stream:read(self.max_output + 1)
  if not data then
    if code then return nil, message, code end
    data = ""
  elseif #data > self.max_output then
    self.excess = name
    self:kill()
  end
  stream:close()
  return data
end

local function start_task(self, name, fn, ...)
  if not self[name] or self[name]:closed() then return end
  local task = core.spawn(fn, ...)
  task.daemon = true
  task.name = ("%s of %s"):format(name, tostring(self))
  self.tasks[name] = task
end

---Starts to feed and to drain.
---Switches: never.
---@param self crun.Popen
---@param input? string
function M.begin(self, input)
  self.tasks = {}
  start_task(self, "stdin", feed, self.stdin, input or "")
  start_task(self, "stdout", drain, self, "stdout")
  start_task(self, "stderr", drain, self, "stderr")
end

---What came of all that; or nil, message, code.
local function outcome(self, code, signal)
  if self.excess then
    return nil, ("EMSGSIZE: more than %d bytes on %s"):format(self.max_output, self.excess),
      "EMSGSIZE"
  end
  local fields = { args = self.args, code = code, signal = signal }
  for name, task in pairs(self.tasks) do
    local data, message, failure = task:get()
    if not data then return nil, message, failure end
    if name ~= "stdin" then fields[name] = data end
  end
  return result.new(fields)
end

---Writes the input, reads both outputs to their ends, all at the same time, and waits for the
---process. After a timeout it goes on in the background, and can be waited for again.
---May wait. Raises a second time when there is an input.
---@param input? string
---@param timeout? number seconds
---@return crun.subprocess.Result? result, string? message, string? code "ETIMEDOUT", "EMSGSIZE"
function Popen:communicate(input, timeout)
  check.self(self, CLASS, "communicate")
  if input ~= nil and type(input) ~= "string" then
    error(("bad argument #1 to 'communicate' (string expected, got %s)"):format(type(input)), 2)
  end
  if timeout ~= nil then check.seconds(timeout, 2, "communicate") end
  if self.tasks and input ~= nil then error("the input has been given before", 2) end
  if input ~= nil and not self.stdin then error("stdin is no pipe", 2) end
  if not self.tasks then M.begin(self, input) end
  local deadline = timeout and core.now() + timeout
  for _, task in pairs(self.tasks) do
    local ok, message, code = task:join(deadline and deadline - core.now())
    if not ok then return nil, message, code end
  end
  local code, signal, failure = self.child:wait(deadline and deadline - core.now())
  if not code then return nil, signal, failure end
  return outcome(self, code, signal)
end

-- --- scopes --------------------------------------------------------------------------------------

---Closes the streams; whoever feeds or drains ends by that.
local function close_streams(self)
  self:close()
  for _, task in pairs(self.tasks or {}) do core.shield(task.join, task) end
end

---Kills it, with its process group, and reaps it. One that may not be killed (sudo) is left to
---itself, and reaped when it ends.
---@return integer? code, integer? signal
local function put_down(self)
  local ok, _, failure = self:kill()
  self.left = not ok and failure ~= "ESRCH"
  if self.left then return nil end
  return core.shield(self.child.wait, self.child)
end

---What has been read of an output. A task that was at its end wins over the cancel.
local function salvage(self, name)
  local task = self.tasks and self.tasks[name]
  if not task then return nil end
  task:cancel "the process was killed"
  core.shield(task.join, task)
  if task:status() == "returned" then return task:result() end
  return self[name]:recv(nil, 0) or ""
end

---Puts the process down, and returns what there is to be told.
---May wait, for as long as the system needs to end it.
---@param self crun.Popen
---@return crun.subprocess.Result
function M.abort(self)
  local code, signal = put_down(self)
  local fields = { args = self.args, code = code, signal = signal }
  fields.stdout, fields.stderr = salvage(self, "stdout"), salvage(self, "stderr")
  close_streams(self)
  return result.new(fields)
end

---Closes the streams, and does nothing about the process.
---Switches: never.
function Popen:close()
  check.self(self, CLASS, "close")
  for target = 0, 2 do
    local stream = self[STREAMS[target]]
    if stream then stream:close() end
  end
end

---Leaving the scope of `local p <close> =` closes the streams and waits for the process; leaving it
---by an error kills the process and its group.
function Popen:__close(err)
  if err ~= nil then
    put_down(self)
    close_streams(self)
    return
  end
  close_streams(self)
  if self.left then return end
  local ok, problem = pcall(self.child.wait, self.child)
  if ok then return end
  put_down(self)
  error(problem, 0)
end

function Popen:__tostring()
  local code, signal = self.child:poll()
  return ("crun.Popen: %d %s (%s)"):format(self.pid, result.command(self.args),
    code and result.ending(code, signal) or "running")
end

return M
