-- SPDX-License-Identifier: MIT
--
-- map and imap over workers.

local Run = require "crun.executor.run"
local core = require "crun.core"

local refuse_nil = require "crun.pool.job".refuse_nil
local remote = core.remote

local M = {}

-- --- map -----------------------------------------------------------------------------------------

---Notes the results of a job of map, and the first of the inputs that failed.
local function collect(self, job)
  self.open = self.open - job.count
  local before = (job.place - 1) * self.chunk
  for at = 1, job.count do
    local place = before + at
    local err, failed = Run.failure(job, at)
    if not failed then
      self.results[place] = Run.first(job, at)
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

-- --- imap: jobs in order -------------------------------------------------------------------------

---By place or by end: where jobs stand until they are delivered.
local function append(self, job)
  self.last = self.last + 1
  self.line[self.last] = job
end

---The job whose result comes next, if it is over.
local function deliverable(self)
  local job = self.line[self.next]
  if job and job.how then return job end
  return nil
end

---Counts an input as delivered.
local function delivered(self, job)
  self.open = self.open - 1
  if self.at < job.count then
    self.at = self.at + 1
  else
    self.line[self.next] = nil
    self.next, self.at = self.next + 1, 1
  end
  if self.room and self.open <= self.limit - self.slack then self.room:set() end
end

local function deliver(self, job)
  local at = self.at
  delivered(self, job)
  local err, failed = Run.failure(job, at)
  if failed then error(err, 0) end
  return refuse_nil(Run.all(job, at))
end

-- --- imap: the feeder ----------------------------------------------------------------------------

---The body of the task that reads an iterator, which may wait.
local function read_inputs(self, closing)
  local _ <close> = closing
  while self:feed() do
    self.room:clear()
    self.room:wait()
    if self.stopped then return end
  end
end

local function feed_by_task(self, closing)
  self.room, self.slack = core.Event(), self.limit // 4
  local feeder = core.spawn(read_inputs, self, closing)
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
  local err = self.feeder and self.feeder:exception()
  if err ~= nil then error(err, 0) end
  return nil
end

local function next_result(self)
  if self.finished then return nil end
  while true do
    feed_now(self)
    local job = deliverable(self)
    if job then return deliver(self, job) end
    if not self.more and self.open == 0 then return finish(self) end
    self:await()
  end
end

---An iterator over the results, by place or by end. What follows `fn` is as for Run.new.
function M.imap(engine, by_end, fn, options, is_list, ...)
  local run = Run.new(engine, fn, options, is_list, ...)
  run.line, run.next, run.last, run.at, run.more = {}, 1, 0, 1, true
  if by_end then run.over = append else run.starting = append end
  if not is_list then feed_by_task(run, select(4, ...)) end
  local imap = setmetatable({ run = run }, Imap)
  return function() return next_result(imap.run) end, nil, nil, imap
end

return M
