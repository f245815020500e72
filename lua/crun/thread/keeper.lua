-- SPDX-License-Identifier: MIT
--
-- The task that looks after a thread from its start to its end, in the hub of its starter. It waits
-- with the thread and fails with its target. So what holds for tasks holds for threads: who waits
-- for a failure gets it, and else it is reported; a program ends when its threads have; a daemon
-- does not keep it from ending; a cancel of everything ends them.

local Link = require "crun.link"
local core = require "crun.core"
local roster = require "crun.roster"

local raise = core.workers.raise
local M = {}

---Where a traceback of the thread leaves what runs in it, for what runs it.
local OWN_FRAMES = "\n[^\n]*in function 'crun%.thread%.run.*$"

---@class crun.Thread.state
---@field name string
---@field daemon boolean
---@field target? function
---@field args any[]
---@field begun? boolean start has been called
---@field handle? table of the OS thread
---@field link? crun.Link
---@field future? crun.Future of what the target returns
---@field task? crun.Task the keeper
---@field kept? boolean the keeper has begun
---@field serves? boolean it has nothing to run, and does what it is asked
---@field interrupted? boolean
---@field ident? integer in the thread itself

-- --- cancelling ----------------------------------------------------------------------------------

---What runs in the thread is cancelled, with the reason as text.
---Switches: never.
function M.interrupt(state, reason)
  state.interrupted = true
  state.handle:interrupt(reason ~= nil and tostring(reason) or nil)
end

---The keeper was cancelled. Without a reason that is the end of the program, at which a thread that
---does what it is asked may do the rest of it, unless it is a daemon.
local function pass_on(state, err)
  local reason
  if type(err) == "table" then reason = err.reason end
  if state.interrupted then return end
  if reason == nil and state.serves and not state.daemon then
    state.link:finish()
  else
    M.interrupt(state, reason == nil and "the program ends" or reason)
  end
end

-- --- the end -------------------------------------------------------------------------------------

local function wait(state)
  if state.future then state.future:join() end
  state.handle:join()
end

---How the target ended: "returned", "failed", "cancelled"; "lost" when the thread ended without
---having told, or was interrupted before it could call it.
local function fate(state)
  local future = state.future
  local status = future and future:status() or "returned"
  if status ~= "failed" then return status end
  local err = future:exception()
  local refused = state.interrupted and type(err) == "string" and err:find("ECLOSED:", 1, true) == 1
  return (refused or err == state.link:closed()) and "lost" or status
end

---The results of the target, or why there are none.
local function outcome(state)
  local future, status, failure = state.future, fate(state), state.handle:failure()
  if failure and (status == "lost" or not future) then
    return raise(("EWORKERDIED: thread '%s' has failed: %s"):format(state.name, failure), "")
  elseif not future then
    return
  end
  local err = future:exception()
  if status == "cancelled" then
    core.current():cancel(err.reason)
    error(err, 0)
  elseif status == "failed" or err ~= nil then
    return raise(err, (future:traceback():gsub(OWN_FRAMES, "")))
  end
  return future:result()
end

---The body of the task. Returns what the target returned, and raises what it raised.
---May wait.
function M.keep(state, list, thread)
  state.kept = true
  list[#list + 1] = thread
  local ok, err = pcall(wait, state)
  if not ok then
    pass_on(state, err)
    core.shield(wait, state)
  end
  core.shield(state.link.join, state.link)
  roster.remove(list, thread)
  local status = fate(state)
  if ok or status == "failed" or state.future and status == "returned" then
    return outcome(state)
  end
  error(err, 0)
end

-- --- the start -----------------------------------------------------------------------------------

---Why the thread's end of the link is gone without a goodbye.
local function explain(state)
  return function()
    core.shield(state.handle.join, state.handle)
    return ("thread '%s' has %s"):format(state.name, state.handle:failure() and "failed" or "ended")
  end
end

---Starts the OS thread, which waits to be asked for something.
---Switches: never.
---@return true? started, string? message, string? code
function M.open(state)
  local ours, theirs = core.port_pair()
  local token = theirs:detach()
  local handle, message, code = core.thread_start(token, state.name)
  if not handle then
    core.port_drop(token)
    ours:close()
    return nil, message, code
  end
  state.handle = handle
  state.link = Link.new(ours, { to = "to a thread", explain = explain(state) })
  state.link:init { name = state.name, kind = "thread" }
  return true
end

---Lets the keeper begin: a task that is cancelled before its first turn has none. Where all is
---about to end it will not, and the thread ends at once.
---Switches: once.
function M.see_off(state)
  repeat core.shield(core.yield) until state.kept or state.task:done()
  if not state.kept then M.give_up(state) end
end

---Ends a thread that has nothing to do.
---May wait.
function M.give_up(state)
  M.interrupt(state, "it has nothing to do")
  state.link:finish()
  core.shield(wait, state)
  core.shield(state.link.join, state.link)
end

return M
