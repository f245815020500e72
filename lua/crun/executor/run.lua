-- SPDX-License-Identifier: MIT
--
-- A map or imap under way: the jobs that it has begun. The function is sent once to each worker.

local blame = require "crun.link.blame"
local core = require "crun.core"
local inputs = require "crun.executor.inputs"
local parcel = require "crun.executor.parcel"

local remote = core.remote

---@class crun.Run
---@field open integer inputs begun whose results are not fetched
---@field limit integer so many at most
---@field jobs table<table, true> those not over
---@field over? fun(run: crun.Run, job: table) told of each job that is over; must not wait
local Run = {}
Run.__index = Run

---A run over the inputs; see inputs.source for what follows. Raises what cannot be sent of fn.
---@param engine table
---@param fn function
---@param options {chunk: integer, limit: integer}
---@param is_list boolean
---@param ... any
---@return crun.Run
function Run.new(engine, fn, options, is_list, ...)
  local ok, made = pcall(parcel.pack, fn)
  if not ok then blame((made:gsub("^args%[1%]", "the function"))) end
  return setmetatable({
    engine = engine,
    call = engine:open_call(made),
    source = inputs.source(options.chunk, is_list, ...),
    limit = math.max(options.limit, options.chunk),
    chunk = options.chunk,
    open = 0, begun = 0, jobs = {},
    gate = core.Event(), waiting = false,
  }, Run)
end

---Waits until a job is over, or somebody nudges. May wait.
function Run:await()
  self.waiting = true
  self.gate:wait()
  self.gate:clear()
  self.waiting = false
end

---Wakes who waits. Switches: never.
function Run:nudge()
  if self.waiting then self.gate:set() end
end

---How the engine tells that a job is over.
local function settle(job, how, ...)
  local run = job.run
  job.how = how
  job.n = select("#", ...)
  if job.n == 1 then job.result = ... else job.results = { ... } end
  run.jobs[job] = nil
  if run.over then run:over(job) end
  run:nudge()
end

---Begins the job of what the inputs give next. May wait, and raises, where the inputs do.
---@return boolean begun false at their end
function Run:begin()
  local job = self.source()
  if not job or self.stopped then return false end
  self.begun = self.begun + 1
  self.open = self.open + job.count
  job.run, job.place, job.call, job.settle = self, self.begun, self.call, settle
  job.retries = self.engine.retries
  self.jobs[job] = true
  if self.starting then self:starting(job) end
  if job.refused then
    settle(job, "failed", job.refused, "")
  elseif self.engine.closed then
    settle(job, "cancelled", remote.cancelled(self.engine:why_closed()))
  else
    self.engine:add(job)
  end
  return true
end

---Begins as many as the limit allows. May wait, and raises, where the inputs do.
---@return boolean more false when the inputs are at their end
function Run:feed()
  while self.open < self.limit do
    if not self:begin() then return false end
  end
  return true
end

---Cancels what has not begun; nothing more is begun. Switches: never.
---@param reason string
function Run:drop(reason)
  self.stopped = true
  local err = remote.cancelled(reason)
  for _, job in ipairs(self:unfinished()) do
    if self.jobs[job] then self.engine:withdraw(job, err) end
  end
end

---The jobs that are not over, in their order.
function Run:unfinished()
  local jobs = {}
  for job in pairs(self.jobs) do jobs[#jobs + 1] = job end
  table.sort(jobs, function(a, b) return a.place < b.place end)
  return jobs
end

---Cancels all jobs and waits until they have ended, whatever happens to the caller meanwhile.
---@param reason string
function Run:unwind(reason)
  self:drop(reason)
  local err = remote.cancelled(reason)
  for _, job in ipairs(self:unfinished()) do self.engine:cancel(job, err) end
  core.shield(function()
    while next(self.jobs) do self:await() end
  end)
end

---No job of it comes any more. Switches: never.
function Run:close()
  self.stopped = true
  self.engine:close_call(self.call)
end

-- --- results -------------------------------------------------------------------------------------

local function is_chunk(job)
  return job.run.chunk > 1
end

---The error of input `at` of a job that is over, and whether it has one.
---@param job table
---@param at integer
---@return any? err, boolean failed
function Run.failure(job, at)
  if job.how ~= "returned" then
    if job.n == 1 then return job.result, true end
    return job.results[1], true
  end
  local failures = is_chunk(job) and job.results[2]
  local failure = failures and failures[at]
  if failure then return failure[1], true end
  return nil, false
end

---The first result of input `at`.
function Run.first(job, at)
  if is_chunk(job) then return job.results[1][at] end
  if job.n == 1 then return job.result end
  return job.results[1]
end

---All of its results.
function Run.all(job, at)
  if is_chunk(job) then
    local list = job.results[3] and job.results[3][at]
    if list then return table.unpack(list, 1, list.n) end
    return Run.first(job, at)
  end
  if job.n == 1 then return job.result end
  return table.unpack(job.results, 1, job.n)
end

return Run
