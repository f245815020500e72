-- SPDX-License-Identifier: MIT
--
-- The task that looks after a process from its start to its end, at the parent's side. It waits
-- with the process and fails with it. So what holds for tasks holds for processes: who waits for a
-- failure gets it, and else it is reported; a program ends when its processes have; a daemon does
-- not keep it from ending; a cancel of everything ends them.

local core = require "crun.core"
local roster = require "crun.roster"
local spawn_worker = require "crun.spawn_worker"

local observe = core.pool.observe
local raise = core.workers.raise

local M = {}

local SIGINT, SIGKILL, SIGTERM, SIGCONT = 2, 9, 15, 18

---Seconds for the clean-ups of a daemon, before it is killed.
local GRACE = 1

---Seconds within which a process that has ended has been heard to the end.
local PATIENCE = 5

---Where a traceback of the child leaves what runs in it, for what runs it.
local OWN_FRAMES = "\n[^\n]*in function 'crun%.process%.run.*$"

---@class crun.Process.state
---@field name string
---@field daemon boolean
---@field target? function
---@field args any[]
---@field begun? boolean start has been called
---@field child? crun.Child
---@field link? crun.Link
---@field future? crun.Future of what runs in the child
---@field task? crun.Task that looks after it
---@field kept? boolean the task has begun
---@field asked? boolean its end has been asked for
---@field pid? integer in the child itself

---Asks the process to cancel everything and end. One that is stopped goes on, so that it can.
---Switches: never.
---@return boolean sent false: it had ended
function M.ask_to_end(state)
  state.asked = true
  local alive = state.child:kill(SIGTERM)
  state.child:kill(SIGCONT)
  return alive ~= nil
end

---Switches: never.
---@return boolean sent false: it had ended
function M.force_end(state)
  state.asked = true
  return state.child:kill(SIGKILL) ~= nil
end

---The task was cancelled, and takes the process along.
local function end_process(state)
  local child = state.child
  M.ask_to_end(state)
  if child:wait(state.daemon and GRACE or nil) then return end
  M.force_end(state)
  child:wait()
end

---Whether it ended in a way that was asked for, here or at the terminal, or by itself.
local function expected(state, signo)
  return state.asked or not signo or signo == SIGINT or signo == SIGTERM
end

---Raises how the process ended, in place of results.
local function fail_by_end(state, code, signo)
  if expected(state, signo) then observe(core.current()) end
  error(("EWORKERDIED: process '%s' (pid %d) %s"):format(state.name, state.child.pid,
    spawn_worker.describe(code, signo)), 0)
end

---The results of the target, or why there are none.
local function outcome(state)
  local future, code, signo = state.future, state.child:poll()
  if not future then return end
  local err = future:exception()
  if not future:done() or future:cancelled() or err ~= nil and err == state.link:closed() then
    fail_by_end(state, code, signo)
  end
  if future:status() == "returned" then return future:result() end
  return raise(err, (future:traceback():gsub(OWN_FRAMES, "")))
end

---How the target ended does not matter, and is not reported.
local function take_note(state)
  if state.future then state.future:exception() end
end

---The body of the task. Returns what the target returned, and raises what it raised.
---May wait.
function M.look_after(state, list, process)
  state.kept = true
  list[#list + 1] = process
  local child, link = state.child, state.link
  local ok, err = pcall(child.wait, child)
  if ok then
    core.shield(link.join, link, PATIENCE)
  else
    core.shield(end_process, state)
  end
  link:close()
  roster.remove(list, process)
  if ok or state.future and state.future:status() == "returned" then return outcome(state) end
  take_note(state)
  error(err, 0)
end

---Lets the task begin: one that is cancelled before its first turn has none. The process is ended
---then.
---Switches: once.
function M.see_off(state)
  repeat core.shield(core.yield) until state.kept or state.task:done()
  if state.kept then return end
  core.shield(end_process, state)
  state.link:close()
  take_note(state)
end

return M
