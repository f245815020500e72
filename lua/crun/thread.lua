-- SPDX-License-Identifier: MIT
--
-- Thread: a function in an OS thread of its own, with a Lua state and a hub of its own.
--
-- Here the thread is represented by a task, its keeper: it waits for the thread's end, so the
-- program does, too; and what cancels it (the end of the program, a signal) it passes on.

local check = require "crun.check"
local core = require "crun.core"
local keeper = require "crun.thread.keeper"
local roster = require "crun.roster"
local object = require "crun.thread.object"
local worker_class = require "crun.worker_class"

local Thread, states = object.Base, object.states

local M = { Thread = Thread }

local alive = {} -- those that have been started and have not ended, in order

local function state_of(self, name)
  local state = states[self]
  if state then return state end
  error(("calling '%s' on bad self (crun.Thread expected, got %s)"):format(name, type(self)), 3)
end

---The state of a thread that has been started.
local function started(self, name)
  local state = states[self]
  if not state then
    error(("calling '%s' on bad self (crun.Thread expected, got %s)"):format(name, type(self)), 3)
  elseif not state.task then
    error(("thread '%s' has not been started"):format(state.name), 3)
  end
  return state
end

-- --- in the thread -------------------------------------------------------------------------------

local function pass(...) return ... end

---What runs there for an object whose class has a `run` of its own: on a copy.
---May wait.
function M.run_object(class, fields, state)
  state.ident = core.workers.thread_ident()
  return pass(object.revive(class, fields, state):run())
end

---What runs in the thread: here, the target. Classes made by extend have their own.
---May wait.
---@return any ...
function Thread:run()
  local state = state_of(self, "run")
  if state.target == nil then return end
  return state.target(table.unpack(state.args, 1, state.args.n or #state.args))
end

-- --- starting ------------------------------------------------------------------------------------

---Has the thread run what it is for. Raises what cannot be sent.
local function submit(self, state)
  local args, link = state.args, state.link
  if self.run ~= Thread.run then
    state.future = worker_class.submit(link, self, state, M.run_object)
  else
    state.future = link:submit(state.target, table.unpack(args, 1, args.n or #args))
  end
  link:finish()
end

---Starts the thread; once for each object. It runs target(table.unpack(args)), or the method `run`
---of its class, and lives until that and the tasks it has left behind have ended.
---May wait, while very much is sent. Raises: it has been started before; what of target and args
---cannot be sent.
---@return crun.Thread? self, string? message, string? code "EAGAIN", "EMFILE", "ENOMEM" ...
function Thread:start()
  local state = state_of(self, "start")
  if state.begun then error(("thread '%s' has been started before"):format(state.name), 2) end
  state.begun = true
  local ok, message, code = keeper.open(state)
  if not ok then
    state.begun = false
    return nil, message, code
  end
  local sent, err = true, nil
  state.serves = not state.target and self.run == Thread.run
  if not state.serves then sent, err = pcall(submit, self, state) end
  if not sent then
    keeper.give_up(state)
    error(err, 0)
  end
  state.task = core.spawn_for(1, keeper.keep, state, alive, self)
  state.task.name, state.task.daemon = state.name, state.daemon or state.serves
  keeper.see_off(state)
  return self
end

---Waits until the thread has ended, in whatever way. Its failure then counts as noticed.
---May wait. Raises: not started; a cancel.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Thread:join(timeout)
  local state = started(self, "join")
  if timeout ~= nil then check.seconds(timeout, 1, "join") end
  return state.task:join(timeout)
end

---The same, and returns what the target returned.
---May wait. Raises: the target's error; its cancel error; not started; a cancel.
---@param timeout? number seconds
---@return any ... or nil, message, "ETIMEDOUT"
function Thread:get(timeout)
  local state = started(self, "get")
  if timeout ~= nil then check.seconds(timeout, 1, "get") end
  return state.task:get(timeout)
end

---Where the target failed, in the thread; "" if it did not, or has not yet.
---Switches: never. Raises: not started.
---@return string
function Thread:traceback()
  local task = started(self, "traceback").task
  return task:done() and task:traceback() or ""
end

---Whether it has been started and has not ended.
---Switches: never.
---@return boolean
function Thread:is_alive()
  local state = state_of(self, "is_alive")
  return state.task ~= nil and not state.task:done()
end

---Cancels all that runs in the thread, whether it waits or computes, and has the thread end. Called
---again, interrupts again what computes. A C function that does not return keeps the thread.
---Switches: never. Raises: not started.
---@param reason? any at the other end its text
---@return boolean alive false: it had ended
function Thread:cancel(reason)
  local state = started(self, "cancel")
  if state.task:done() then return false end
  core.cancel_each({ state.task }, reason, 1)
  keeper.interrupt(state, reason)
  return true
end

---Nothing more will be asked of the thread: one without a target ends once it has done everything.
---Switches: never. Raises before start.
function Thread:close()
  started(self, "close").link:finish()
end

---Calls fn(...) in the thread, in a task of its own; its failure is reported there.
---May wait, while very much is sent. Raises before start; what cannot be sent.
---@param fn function
---@param ... any
---@return true? sent, string? message, string? code "ECLOSED"
function Thread:call_soon(fn, ...)
  local link = started(self, "call_soon").link
  check.callable(fn, 1, "call_soon")
  return link:call_soon(fn, ...)
end

---Calls fn(...) in the thread, in a task of its own, and returns the Future of its results.
---Cancelling that cancels the task, at its next wait.
---May wait, while very much is sent. Raises before start; what cannot be sent.
---@param fn function
---@param ... any
---@return crun.Future
function Thread:submit(fn, ...)
  local link = started(self, "submit").link
  check.callable(fn, 1, "submit")
  return link:submit(fn, ...)
end

---Leaving the scope of `local thread <close> =` waits for the thread; leaving it by an error
---cancels it first.
function Thread:__close(err)
  local state = states[self]
  local task = state.task
  if not task then return end
  local joined, problem = false, nil
  if err == nil then
    state.link:finish()
    joined, problem = pcall(task.join, task)
  end
  if joined then return end
  self:cancel "the scope of the Thread was left by an error"
  core.shield(task.join, task)
  if problem ~= nil then error(problem, 0) end
end

-- --- which there are -----------------------------------------------------------------------------

---The threads that this one has started and that have not ended, in order of their starts.
---Switches: never.
---@return crun.Thread[]
function M.threads()
  return roster.living(alive)
end

---Which thread this is: its name, the kernel's number of it, whether it is the program's first.
---Switches: never.
---@return {name: string, ident: integer, main: boolean}
function M.current_thread()
  local worker = package.loaded["crun.worker"]
  local link = worker and worker.link
  local ident, main = core.workers.thread_ident()
  return { name = not main and link and link.name or "main", ident = ident, main = main }
end

return M
