-- SPDX-License-Identifier: MIT
--
-- A pool's worker: takes the jobs that the pool sends, one after another, each in a task of its
-- own, and answers. What it has not taken the pool may take back.

local core = require "crun.core"
local kinds = require "crun.executor.kinds"
local link_job = require "crun.link.job"
local parcel = require "crun.executor.parcel"
local words = require "crun.link.words"

local remote = core.remote
local observe, spawn = core.pool.observe, core.spawn
local portable = link_job.portable
local RESULT, ERROR, CANCELLED = kinds.RESULT, kinds.ERROR, kinds.CANCELLED

local IMMUTABLE = parcel.IMMUTABLE

local M = {}

-- --- answers -------------------------------------------------------------------------------------

---Sends the results; what of them cannot be sent is the job's error instead.
local function send_results(link, id, ...)
  if select("#", ...) == 1 and IMMUTABLE[type((...))] then
    return link.port:send(RESULT, id, 0, (...))
  end
  local ok, err = pcall(link.send, link, words.results, RESULT, id, ...)
  if not ok then link:send(nil, ERROR, id, portable(err), "") end
end

local function answer(link, id, task)
  local status = task:status()
  if status == "returned" then return send_results(link, id, task:result()) end
  local err = task:exception()
  if status == "cancelled" then
    link:send(nil, CANCELLED, id, portable(err.reason), err.origin)
  else
    link:send(nil, ERROR, id, portable(err), (task:traceback():gsub("\nspawned at .*", "")))
  end
end

-- --- jobs ----------------------------------------------------------------------------------------

---Where an error of one input of a chunk is kept.
local function note(err)
  if remote.is_cancelled(err) then return err end
  return { portable(err), debug.traceback(nil, 2) }
end

local function keep(out, place, ok, ...)
  if not ok then
    local err = ...
    if remote.is_cancelled(err) then error(err, 0) end
    out.failures = out.failures or {}
    out.failures[place] = type(err) == "table" and err or { err } -- no memory for a note
    return
  end
  out.results[place] = (...)
  if select("#", ...) > 1 then
    out.lists = out.lists or {}
    out.lists[place] = table.pack(...)
  end
end

---Calls fn for each of n inputs. Returns the first results, and by place what is unusual: errors,
---and all results where there are several.
function M.chunk(fn, n, inputs)
  local out = { results = {} }
  for place = 1, n do keep(out, place, xpcall(fn, note, inputs[place])) end
  return out.results, out.failures, out.lists
end

---The same for lists of arguments.
function M.spread(fn, n, inputs)
  local out = { results = {} }
  for place = 1, n do
    local list = inputs[place]
    keep(out, place, xpcall(fn, note, table.unpack(list, 1, list.n)))
  end
  return out.results, out.failures, out.lists
end

---Runs one job, if the pool has not taken it back, and answers before the next one begins: what
---the worker has begun and not answered is one job at most. Returns false once the worker ends, and
---no task can be started any more.
local function run(self, id, fn, _, ...)
  local started, task = pcall(spawn, fn, ...)
  if not started then return false end
  observe(task)
  if not self.board:take(id) then
    task:cancel()
    return true
  end
  self.id, self.task = id, task
  task:join()
  self.task = nil
  answer(self.link, id, task)
  self.link.port:flush()
  return true
end

local function serve(self)
  local jobs, unpack = self.jobs, table.unpack
  repeat
    local job = jobs:get()
  until not job or not run(self, unpack(job, 1, job[3] + 3))
end

local function call_first(initializer, ...)
  if initializer then initializer(...) end
end

-- --- being asked ---------------------------------------------------------------------------------

---Puts a job in line: its number, what to call, and how many arguments, which follow.
local function add(self, id, fn, ...)
  self.jobs:put { id, fn, select("#", ...), ... }
end

---Puts one in line of which something could not be made here.
local function refuse(self, id, err)
  add(self, id, error, err, 0)
end

local function cancel(self, id, reason, origin)
  if self.task and self.id == id then
    core.cancel_each({ self.task }, remote.cancelled(reason, origin), 1)
  end
end

local function listen(self, link)
  local calls, handlers = self.calls, link.handlers
  handlers[kinds.JOB] = function(_, id, call, ...)
    if call == 0 then return add(self, id, ...) end
    add(self, id, calls[call], ...)
  end
  link:on(kinds.CHUNK, function(id, call, ...) add(self, id, M.chunk, calls[call], ...) end)
  link:on(kinds.SPREAD, function(id, call, ...) add(self, id, M.spread, calls[call], ...) end)
  for _, kind in ipairs { kinds.JOB, kinds.CHUNK, kinds.SPREAD } do
    link:on_refused(kind, function(id, _, err) refuse(self, id, err) end)
  end
  link:on(kinds.CALL, function(id, _, fn) calls[id] = fn end)
  link:on_refused(kinds.CALL, function(id, _, err)
    calls[id] = function() error(err, 0) end
  end)
  link:on(kinds.FORGET, function(id) calls[id] = nil end)
  link:on(kinds.CANCEL, function(id, _, ...) cancel(self, id, ...) end)
  link:on_close(function(reason)
    self.jobs:close(true)
    if self.task then self.task:cancel(reason) end
  end)
end

---Makes a worker of the end of a link: begins as `first`, a parcel of the initializer and its
---arguments, says, then takes jobs whose claims stand on the board. A worker that cannot go on says
---goodbye.
---May wait. Raises: the initializer's error.
---@param link table
---@param board table
---@param first table see parcel.lua
function M.attach(link, board, first)
  local self = { link = link, board = board, jobs = core.Queue(), calls = {} }
  call_first(parcel.unpack(first))
  listen(self, link)
  local runner = core.spawn(serve, self)
  runner.name, runner.daemon = "worker", true
  core.on_end(runner, function() link:close() end)
end

---The same for the link of this thread or process to its parent; `where` says how to get the board.
---May wait. Raises: the initializer's error.
---@param where {fd: integer?, address: integer?}
---@param first table
function M.serve(where, first)
  local board
  if where.fd then
    board = assert(core.claims_open(where.fd))
  else
    board = core.claims_at(where.address)
  end
  M.attach(require "crun.worker".link, board, first)
end

return M
