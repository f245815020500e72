-- SPDX-License-Identifier: MIT
--
-- A pool's worker: takes the jobs that the pool sends, one after another, each in a task of its
-- own, and answers. What it has not taken the pool may take back.

local core = require "crun.core"
local kinds = require "crun.executor.kinds"
local link_job = require "crun.link.job"

local remote = core.remote
local observe = core.pool.observe
local portable = link_job.portable
local RESULT, ERROR, CANCELLED = kinds.RESULT, kinds.ERROR, kinds.CANCELLED

local M = {}

-- --- answers -------------------------------------------------------------------------------------

local function word_results(message)
  return (message:gsub("^args%[", "results["))
end

---Sends the results; what cannot be sent is the job's error instead.
local function send_results(self, id, ...)
  local ok, err = pcall(self.link.send, self.link, 0, word_results, RESULT, id, 0, ...)
  if not ok then self.link:send(1, nil, ERROR, id, 0, err, "") end
end

local function answer(self, id, task)
  local err = task:exception()
  if task:cancelled() then
    self.link:send(1, nil, CANCELLED, id, 0, portable(err.reason), err.origin)
  elseif task:status() == "failed" then
    self.link:send(1, nil, ERROR, id, 0, portable(err), task:traceback())
  else
    send_results(self, id, task:result())
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
    out.failures[place] = err
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
---the worker has begun and not answered is one job at most.
local function run(self, job)
  if not self.board:take(job.id) then return end
  local task = core.spawn(table.unpack(job, 1, job.n))
  task.name = "job"
  observe(task)
  self.id, self.task = job.id, task
  task:join()
  self.task = nil
  answer(self, job.id, task)
  self.link.port:flush()
end

local function serve(self)
  for job in self.jobs:iter() do run(self, job) end
end

-- --- being asked ---------------------------------------------------------------------------------

---Puts a job in line: what to call and its arguments.
local function add(self, id, ...)
  self.jobs:put { id = id, n = select("#", ...), ... }
end

local function cancel(self, id, reason, origin)
  if self.task and self.id == id then
    core.cancel_each({ self.task }, remote.cancelled(reason, origin), 1)
  end
end

local function listen(self, link)
  local calls = self.calls
  link:on(kinds.CALL, function(id, _, fn) calls[id] = fn end)
  link:on(kinds.FORGET, function(id) calls[id] = nil end)
  link:on(kinds.CANCEL, function(id, _, ...) cancel(self, id, ...) end)
  link:on(kinds.CHUNK, function(id, call, ...) add(self, id, M.chunk, calls[call], ...) end)
  link:on(kinds.SPREAD, function(id, call, ...) add(self, id, M.spread, calls[call], ...) end)
  link:on(kinds.JOB, function(id, call, ...)
    if call == 0 then return add(self, id, ...) end
    add(self, id, calls[call], ...)
  end)
  link:on_close(function(reason)
    self.jobs:close(true)
    if self.task then self.task:cancel(reason) end
  end)
end

---Makes a worker of the end of a link: calls initializer(...), then takes jobs whose claims stand
---on the board.
---May wait. Raises: the initializer's error.
function M.attach(link, board, initializer, ...)
  local self = { link = link, board = board, jobs = core.Queue(), calls = {} }
  if initializer then initializer(...) end
  listen(self, link)
  local runner = core.spawn(serve, self)
  runner.name = "worker"
  runner.daemon = true
end

---The same for the link of this thread or process to its parent; `where` says how to get the board.
function M.serve(where, initializer, ...)
  local board
  if where.fd then
    board = assert(core.claims_open(where.fd))
  else
    board = core.claims_at(where.address)
  end
  M.attach(require "crun.worker".link, board, initializer, ...)
end

return M
