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

local M = {}

local CLASS = "crun.Thread"
local STATE = {} -- the key of what a Thread keeps to itself

---@class crun.Thread
---@field name string
---@field daemon boolean true: the program does not wait for it, but cancels it at its end
---@field ident? integer the kernel's number of the thread, once it has been started
local Thread = {}

local count = 0
local alive = {} -- those that have been started and have not ended, in order

local function state_of(self, name)
  check.self(self, CLASS, name)
  return self[STATE]
end

---The state of a thread that has been started.
local function started(self, name)
  check.self(self, CLASS, name)
  local state = self[STATE]
  if state.task then return state end
  error(("thread '%s' has not been started"):format(state.name), 3)
end

---Has the thread call the target. Raises what cannot be sent.
local function submit_target(state)
  local args, link = state.args, state.link
  state.future = link:submit(state.target, table.unpack(args, 1, args.n or #args))
  link:finish()
end

---Starts the thread; once for each object. It runs target(table.unpack(args)) and lives until that
---and the tasks it has left behind have ended.
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
  if state.target then sent, err = pcall(submit_target, state) end
  if not sent then
    keeper.give_up(state)
    error(err, 0)
  end
  state.task = core.spawn_for(1, keeper.keep, state, alive, self)
  state.task.name, state.task.daemon = state.name, state.daemon or not state.target
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

-- --- the object ----------------------------------------------------------------------------------

local class = { __name = CLASS, __metatable = CLASS, __unsendable = "a Thread" }

function class:__index(key)
  local method = Thread[key]
  if method then return method end
  local state = rawget(self, STATE)
  if key == "name" or key == "daemon" then return state[key] end
  if key == "ident" and state.handle then return state.handle:ident() end
end

local FIELDS = { name = "string", daemon = "boolean" }

function class:__newindex(key, value)
  local state = rawget(self, STATE)
  if not FIELDS[key] then error(("a Thread has no field '%s' to set"):format(tostring(key)), 2) end
  if type(value) ~= FIELDS[key] then
    error(("a Thread's %s must be a %s, not a %s"):format(key, FIELDS[key], type(value)), 2)
  elseif state.begun then
    error(("the %s of thread '%s' cannot be set once it has been started")
      :format(key, state.name), 2)
  end
  state[key] = value
end

local function status_of(state)
  if not state.task then return "not started" end
  return state.task:done() and "ended" or "running"
end

function class:__tostring()
  local state = rawget(self, STATE)
  return ("%s: '%s', %s"):format(CLASS, state.name, status_of(state))
end

---Leaving the scope of `local thread <close> =` waits for the thread; leaving it by an error
---cancels it first.
function class:__close(err)
  local state = rawget(self, STATE)
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

local function bad_option(what)
  error(("bad argument #1 to 'Thread' (%s)"):format(what), 4)
end

local OPTIONS = { target = "function", args = "table", name = "string", daemon = "boolean" }

local function check_option(key, value)
  local expected = OPTIONS[key]
  if not expected then bad_option(("unknown option '%s'"):format(tostring(key))) end
  if type(value) == expected or key == "target" and check.is_callable(value) then return end
  bad_option(("option '%s': %s expected, got %s"):format(key, expected, type(value)))
end

---A thread that is to call target(table.unpack(args)); without a target it does what call_soon and
---submit ask for, until close or cancel. Nothing runs before start.
---Switches: never.
---@param options? {target?: function, args?: any[], name?: string, daemon?: boolean} `args` may
---  have a field `n`, as from table.pack; a daemon is not waited for
---@return crun.Thread
function M.Thread(options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to 'Thread' (table of options expected, got %s)")
      :format(type(options)), 2)
  end
  local state = { daemon = false, args = {} }
  for key, value in pairs(options or {}) do
    check_option(key, value)
    state[key] = value
  end
  count = count + 1
  state.name = state.name or "Thread-" .. count
  return setmetatable({ [STATE] = state }, class)
end

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
