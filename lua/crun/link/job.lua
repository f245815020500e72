-- SPDX-License-Identifier: MIT
--
-- What one end of a link runs for the other: a task each, and the answer when it has ended.

local core = require "crun.core"
local kinds = require "crun.link.kinds"
local words = require "crun.link.words"

local remote = core.remote
local M = {}

-- A member of a module, so that cancel errors can be sent.
M.Cancelled = remote.Cancelled

---A value to report something with: as it is, or as text if it cannot be sent.
---Switches: never.
---@param value any
---@return any
function M.portable(value)
  local kind = type(value)
  if kind == "string" or value == nil or pcall(core.encode, value) then return value end
  local ok, text = pcall(tostring, value)
  return ok and text or ("(error object is a %s value)"):format(kind)
end

---The numbers of what is under way, in order.
function M.numbers(list)
  local ids = {}
  for id in pairs(list) do ids[#ids + 1] = id end
  table.sort(ids)
  return ids
end

---Keeps an error together with where it was raised, as far up as the job's own function.
local function note(err)
  if remote.is_cancelled(err) then return err end
  local traceback = debug.traceback(nil, 2):gsub("\n[^\n]*'xpcall'\n[^\n]*link/job%.lua.*$", "")
  return { err = err, traceback = traceback }
end

---Sends an answer; one that cannot be sent becomes an error.
local function answer(link, kind, id, ...)
  local ok, err = pcall(link.send, link, words.results, kind, id, ...)
  if ok then return end
  if link.note_failure then link.note_failure() end
  link:send(nil, kinds.ERROR, id, M.portable(err), "")
end

local function conclude(link, id, ok, ...)
  if ok then return core.shield(answer, link, kinds.RESULT, id, ...) end
  local failure = ...
  if remote.is_cancelled(failure) then
    core.shield(answer, link, kinds.CANCELLED, id, M.portable(failure.reason), failure.origin)
    return
  end
  if type(failure) == "string" then -- there was no memory for a note
    return core.shield(answer, link, kinds.ERROR, id, failure, "")
  end
  core.shield(answer, link, kinds.ERROR, id, M.portable(failure.err), failure.traceback)
end

local function run(link, id, fn, ...)
  conclude(link, id, xpcall(fn, note, ...))
end

---The end of its task, however it ended: also when it was cancelled before its first turn.
local function ended(link, id, task)
  link.jobs[id] = nil
  link.running:done()
  if task:cancelled() and not link.reason then
    local err = task:exception()
    link:post(kinds.CANCELLED, id, 0, M.portable(err.reason), err.origin)
  end
end

---Starts fn(...) for the request with this number. Switches: never.
---@param link table
---@param id integer
---@param fn function
---@param ... any
function M.start(link, id, fn, ...)
  if remote.finished() then
    link:post(kinds.ERROR, id, 0, "ECLOSED: the worker is ending", "")
    return
  end
  local task = core.spawn(run, link, id, fn, ...)
  link.jobs[id] = task
  link.running:add()
  task:on_done(function(done) ended(link, id, done) end)
  -- One that comes when everything has been cancelled.
  if link.is_ending and link.is_ending() then task:cancel "the worker is ending" end
end

return M
