-- SPDX-License-Identifier: MIT
--
-- Jobs that are cancelled, and those of workers that are gone.

local core = require "crun.core"
local engine = require "crun.executor.engine"
local kinds = require "crun.executor.kinds"
local line = require "crun.executor.list"

local Engine = engine.Engine
local refill, revoke, take_out = engine.refill, engine.revoke, engine.take_out
local prepend, remove = line.prepend, line.remove

-- --- cancelling ----------------------------------------------------------------------------------

---Takes back what waits at a worker behind its job, and gives it nothing more. False if it has
---begun some of that, so its job is over and the answer on its way.
local function clear(self, worker, job)
  local behind = worker.line.last
  while behind ~= job do
    local before = behind.prev
    if not revoke(behind) then return false end
    prepend(self.queue, behind)
    behind = before
  end
  worker.ready = false
  return true
end

---A worker in which a cancelled job does not end is ended itself, first gently. No other job is to
---be hit by that.
local function force(self, worker, job, way)
  local alone = clear(self, worker, job)
  self:dispatch()
  if not alone then return end
  way(worker)
  job.alarm = core.call_later(self.grace, force, self, worker, job, self.backend.kill)
end

---Cancels a job that has not begun; false when it has.
---Switches: never.
---@param job table
---@param err any the cancel error
---@return boolean
function Engine:withdraw(job, err)
  local worker = job.worker
  if worker then
    if not revoke(job) then return false end
    if worker.ready then refill(self, worker) end
  else
    remove(self.queue, job)
  end
  self:settle(job, "cancelled", err)
  return true
end

---Cancels a job: at once if it has not begun, else it is over once it has ended.
---Switches: never.
---@param job table
---@param err any the cancel error
function Engine:cancel(job, err)
  if job.cancelled or self:withdraw(job, err) then return end
  local worker = job.worker
  job.cancelled = err
  worker.link:post(kinds.CANCEL, job.id, 0, err.reason, err.origin)
  job.alarm = core.call_later(self.backend.patience or self.grace, force, self, worker, job,
    self.backend.interrupt)
end

---The jobs that are not over, in line and at the workers; with an owner, its jobs.
---Switches: never.
---@param owner? table
---@return table[]
function Engine:jobs_of(owner)
  local jobs = {}
  local function note(list)
    local job = list.first
    while job do
      if not owner or job.owner == owner then jobs[#jobs + 1] = job end
      job = job.next
    end
  end
  note(self.queue)
  for _, worker in ipairs(self.everyone) do note(worker.line) end
  return jobs
end

---Settles all jobs at once, whatever becomes of those that have begun. Switches: never.
function Engine:settle_all(how, ...)
  for _, job in ipairs(self:jobs_of()) do
    if job.worker then take_out(job.worker, job) else remove(self.queue, job) end
    self:settle(job, how, ...)
  end
end

---Cancels all that have not begun. Switches: never.
function Engine:withdraw_all(err)
  for _, job in ipairs(self:jobs_of()) do self:withdraw(job, err) end
end

-- --- the loss of a worker ------------------------------------------------------------------------

---The job that a worker had begun when it died, of which `reason` tells.
local function lose(self, job, reason)
  if job.cancelled then
    self:settle(job, "cancelled", job.cancelled)
  elseif (job.losses or 0) < self.retries then
    job.losses = (job.losses or 0) + 1
    prepend(self.queue, job)
  else
    self:settle(job, "failed", reason, "")
  end
end

---Deals with the jobs of a worker that is gone. Switches: never.
---@param worker table
---@param reason string "EWORKERDIED: ..."
function Engine:inherit(worker, reason)
  local list, job = worker.line, worker.line.last
  local begun = {}
  while job do
    local before = job.prev
    if worker.board:taken(job.id) then
      begun[#begun + 1] = job
      worker.served = true
    end
    take_out(worker, job)
    if begun[#begun] ~= job then prepend(self.queue, job) end
    job = before
  end
  assert(list.n == 0)
  for _, each in ipairs(begun) do lose(self, each, reason) end
end
