-- SPDX-License-Identifier: MIT
--
-- map and imap over workers.

local Run = require "crun.executor.run"
local core = require "crun.core"

local refuse_nil = require "crun.pool.job".refuse_nil
local remote = core.remote

local M = {}

-- --- results -------------------------------------------------------------------------------------

---The error of input `at` of a job that is over: whether it has one, and which. `record` has what
---settle was told, and `chunked` says whether it is a chunk.
local function failure(record, chunked, at)
  if record.how ~= "returned" then return true, record[1] end
  local failures = chunked and record[2]
  local one = failures and failures[at]
  if one then return true, one[1] end
  return false
end

---The first result of input `at`.
local function first(record, chunked, at)
  if chunked then return record[1][at] end
  return record[1]
end

---All of its results.
local function all(record, chunked, at)
  local list = record
  if chunked then list = record[3] and record[3][at] end
  if list then return table.unpack(list, 1, list.n) end
  return record[1][at]
end

local function record_of(job, how, ...)
  return { how = how, count = job.count or 1, n = select("#", ...), ... }
end

-- --- map -----------------------------------------------------------------------------------------

---Notes the results of a job of map, and the first of the inputs that failed.
local function collect(self, job, how, ...)
  local chunked = self.chunk > 1
  self.open = self.open - (job.count or 1)
  if how == "returned" and not chunked then
    self.results[job.place] = (...)
    return
  end
  local record = record_of(job, how, ...)
  local before = (job.place - 1) * self.chunk
  for at = 1, record.count do
    local place = before + at
    local failed, err = failure(record, chunked, at)
    if not failed then
      self.results[place] = first(record, chunked, at)
    elseif place < self.failed then
      self.failed, self.err = place, err
    end
  end
end

---Begins what the limit allows; an error of the inputs is their end, and is kept.
local function feed(self)
  local ok, more = pcall(self.feed, self)
  if ok then return more end
  if remote.is_cancelled(more) then error(more, 0) end
  self.input_failed, self.input_err = true, more
  return false
end

local function run_map(self)
  local more = true
  while true do
    if more then more = feed(self) end
    if self.open > 0 then
      self:await()
    elseif not more then
      return
    end
  end
end

---Calls fn for all inputs; returns the list of first results. What follows `fn` is as for Run.new.
---May wait. Raises: the error of the first input that failed, once all are over; the iterator's.
function M.map(engine, fn, options, is_list, ...)
  local _ <close> = select(4, ...)
  local run = Run.new(engine, fn, options, is_list, ...)
  run.results, run.failed, run.over = {}, math.huge, collect
  local ok, err = pcall(run_map, run)
  if not ok then run:unwind "the task that called map was cancelled" end
  run:close()
  if not ok then error(err, 0) end
  if run.failed < math.huge then error(run.err, 0) end
  if run.input_failed then error(run.input_err, 0) end
  return run.results
end

-- --- imap: results in order ---------------------------------------------------------------------

---Keeps what a job of imap has come to until it is delivered, by place or by end: the value itself
---where there is one result, and `plain` says so; else a record.
local function keep(self, job, how, ...)
  local place = job.place
  if self.by_end then
    place = self.last + 1
    self.last = place
  end
  local plain = how == "returned" and self.chunk == 1 and select("#", ...) == 1
  self.plain[place] = plain
  if plain then self.values[place] = (...) else self.values[place] = record_of(job, how, ...) end
end

---An input has been delivered; `over` says whether its job has.
local function advance(self, over)
  self.open = self.open - 1
  if over then
    local place = self.next
    self.plain[place], self.values[place] = nil, nil
    self.next, self.at = place + 1, 1
  else
    self.at = self.at + 1
  end
  if self.hungry and self.open <= self.limit - self.slack then
    self.hungry = false
    self.room:set()
  end
end

local function deliver(self, plain)
  local value, at = self.values[self.next], self.at
  if plain then
    advance(self, true)
    return refuse_nil(value)
  end
  advance(self, at == value.count)
  local failed, err = failure(value, self.chunk > 1, at)
  if failed then error(err, 0) end
  return refuse_nil(all(value, self.chunk > 1, at))
end

-- --- imap: the feeder ----------------------------------------------------------------------------

---The body of the task that reads an iterator, which may wait.
local function read_inputs(self)
  local _ <close> = self.closing
  self.closing = nil
  while self:feed() do
    self.room:clear()
    self.hungry = true
    self.room:wait()
    if self.stopped then return end
  end
end

local function feed_by_task(self, closing)
  self.room, self.slack = core.Event(), self.limit // 4
  self.closing = closing
  local feeder = core.spawn(read_inputs, self)
  core.pool.observe(feeder)
  feeder.name, feeder.daemon = "imap's feeder", true
  self.feeder = feeder
  feeder:on_done(function()
    self.more = false
    self:nudge()
  end)
end

---A list is read in the reader's own time.
local function feed_now(self)
  if self.more and not self.feeder then self.more = self:feed() end
end

-- --- imap: the reader ----------------------------------------------------------------------------

---What a loop has when it is left, and what is collected with an iterator that is dropped.
local Imap = { __name = "crun.Imap" }

function Imap:__close()
  local run = self.run
  if run.finished then return end
  run.finished = true
  if run.feeder then
    run.feeder:cancel "the loop over imap was left"
    core.outlast({ run.feeder }, "imap")
  end
  local _ <close> = run.closing -- of a feeder that has had no turn
  run:unwind "the loop over imap was left"
  run:close()
end

function Imap:__gc()
  local run = self.run
  if not run.finished then run.engine:abandon(run) end
end

local function finish(self)
  self.finished = true
  self:close()
  local feeder = self.feeder
  if feeder and feeder:done() and feeder:status() ~= "returned" then
    error(feeder:exception(), 0)
  end
  return nil
end

local function next_result(self)
  if self.finished then return nil end
  while true do
    feed_now(self)
    local plain = self.plain[self.next]
    if plain ~= nil then return deliver(self, plain) end
    if not self.more and self.open == 0 then return finish(self) end
    self:await()
  end
end

---An iterator over the results, by place or by end. What follows `fn` is as for Run.new.
function M.imap(engine, by_end, fn, options, is_list, ...)
  local run = Run.new(engine, fn, options, is_list, ...)
  run.over, run.by_end, run.more = keep, by_end, true
  run.plain, run.values, run.next, run.at, run.last = {}, {}, 1, 1, 0
  if not is_list then feed_by_task(run, select(4, ...)) end
  local imap = setmetatable({ run = run }, Imap)
  return function() return next_result(imap.run) end, nil, nil, imap
end

return M
