-- SPDX-License-Identifier: MIT
--
-- Process: a function that runs in a process of its own, which is the program `crun`.

local check = require "crun.check"
local core = require "crun.core"
local life = require "crun.process.life"
local object = require "crun.process.object"
local roster = require "crun.roster"
local spawn_worker = require "crun.spawn_worker"
local worker = require "crun.worker"
local worker_class = require "crun.worker_class"

local Process, states = object.Base, object.states

local M = { Process = Process }

local alive = {} -- those that have been started and have not ended, in order

local function check_self(self, name)
  local state = states[self]
  if state then return state end
  error(("calling '%s' on bad self (crun.Process expected, got %s)"):format(name, type(self)), 3)
end

local function check_started(self, name)
  local state = states[self]
  if not state then
    error(("calling '%s' on bad self (crun.Process expected, got %s)"):format(name, type(self)), 3)
  elseif not state.child then
    error(("process '%s' has not been started"):format(state.name), 3)
  end
  return state
end

-- --- in the child --------------------------------------------------------------------------------

---A process whose target fails exits with 1.
local function succeed(...)
  worker.status = 0
  return ...
end

---What the child runs for an object whose class has no `run` of its own.
---May wait.
function M.run(target, ...)
  worker.status = 1
  if target == nil then return succeed() end
  return succeed(target(...))
end

---The same for other classes: the child has a copy of the object.
---May wait.
function M.run_object(class, fields, state)
  worker.status = 1
  state.pid = core.getpid()
  return succeed(object.revive(class, fields, state):run())
end

---What runs in the child: here, the target. Classes made by extend have their own.
---May wait.
---@return any ...
function Process:run()
  local state = check_self(self, "run")
  if state.target == nil then return end
  return state.target(table.unpack(state.args, 1, state.args.n or #state.args))
end

-- --- starting ------------------------------------------------------------------------------------

---"args[1]" is the target, and what follows its arguments.
local function word_arguments(message)
  return (message:gsub("args%[(%d+)%]", function(place)
    return place == "1" and "target" or ("args[%d]"):format(place - 1)
  end, 1))
end

---Sends the child what to run. Raises what cannot be sent.
local function submit(self, state)
  local link, args = state.link, state.args
  if self.run == Process.run then
    local ok, future = pcall(link.submit, link, M.run, state.target,
      table.unpack(args, 1, args.n or #args))
    if ok then return future end
    error(type(future) == "string" and word_arguments(future) or future, 0)
  end
  return worker_class.submit(link, self, state, M.run_object)
end

---Starts the process; once for each object. It runs target(table.unpack(args)), or the method `run`
---of its class, and lives until that and the tasks it has left behind have ended.
---May wait. Raises: it has been started before; what of target and args cannot be sent.
---@return crun.Process? self, string? message, string? code "ENOENT", "EMFILE", "EAGAIN" ...
function Process:start()
  local state = check_self(self, "start")
  if state.begun then error(("process '%s' has been started before"):format(state.name), 2) end
  state.begun = true
  local link, child, code = spawn_worker.start { name = state.name }
  if not link then
    state.begun = false
    return nil, child, code
  end
  state.link, state.child = link, child
  state.task = core.spawn_for(1, life.look_after, state, alive, self)
  state.task.name, state.task.daemon = state.name, state.daemon
  local ok, future = pcall(submit, self, state)
  if not ok then
    life.force_end(state)
    error(future, 0)
  end
  state.future = future
  link:finish()
  life.see_off(state)
  return self
end

-- --- waiting and ending --------------------------------------------------------------------------

---Waits until the process has ended, in whatever way. Its failure then counts as noticed.
---May wait. Raises: not started; a cancel.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Process:join(timeout)
  local state = check_started(self, "join")
  if timeout ~= nil then check.seconds(timeout, 1, "join") end
  return state.task:join(timeout)
end

---The same, and returns what the target returned.
---May wait. Raises: the target's error; "EWORKERDIED: ..." if the process ended before its target
---did; not started; a cancel.
---@param timeout? number seconds
---@return any ... or nil, message, "ETIMEDOUT"
function Process:get(timeout)
  local state = check_started(self, "get")
  if timeout ~= nil then check.seconds(timeout, 1, "get") end
  return state.task:get(timeout)
end

---Where the target failed, in the child; "" if it did not, or has not yet.
---Switches: never. Raises: not started.
---@return string
function Process:traceback()
  local task = check_started(self, "traceback").task
  return task:done() and task:traceback() or ""
end

---Whether it has been started and has not ended.
---Switches: never.
---@return boolean
function Process:is_alive()
  local state = check_self(self, "is_alive")
  return state.child ~= nil and state.child:poll() == nil
end

---Sends SIGTERM: what runs in the child is cancelled, clean-ups run, and it ends.
---Switches: never. Raises: not started.
---@return boolean sent false: it had ended
function Process:terminate()
  return life.ask_to_end(check_started(self, "terminate"))
end

---Ends it at once by SIGKILL, without clean-ups.
---Switches: never. Raises: not started.
---@return boolean sent false: it had ended
function Process:kill()
  return life.force_end(check_started(self, "kill"))
end

---Leaving the scope of `local p <close> =` waits for the process; leaving it by an error terminates
---it first.
function Process:__close(err)
  local task = states[self].task
  if not task then return end
  local ok, problem = err == nil, err
  if ok then ok, problem = pcall(task.join, task) end
  if ok then return end
  life.ask_to_end(states[self])
  core.shield(task.join, task)
  if err == nil then error(problem, 0) end
end

-- --- which there are -----------------------------------------------------------------------------

---The processes that this thread has started and that have not ended, in order of their starts.
---Switches: never.
---@return crun.Process[]
function M.processes()
  return roster.living(alive)
end

---Which process this is, in whatever thread of it: the name that its starter gave it, its number,
---whether it is the program itself.
---Switches: never.
---@return {name: string, pid: integer, main: boolean}
function M.current_process()
  local name = core.workers.process_name()
  return { name = name or "main", pid = core.getpid(), main = name == nil }
end

return M
