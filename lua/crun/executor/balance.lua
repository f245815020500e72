-- SPDX-License-Identifier: MIT
--
-- A worker that has nothing to do gets jobs that wait at a busy one.

local core = require "crun.core"
local engine = require "crun.executor.engine"
local line = require "crun.executor.list"

local Engine, revoke = engine.Engine, engine.revoke
local prepend = line.prepend

---Seconds for which a worker must have answered nothing before jobs are taken back from it for
---another one: those who do many small jobs will be through before the jobs have moved.
local PATIENCE = 0.001

---Notes which workers have answered nothing since this was asked last.
local function note_quiet(self)
  for _, worker in ipairs(self.workers) do
    worker.quiet, worker.heard = not worker.heard, false
  end
end

---The quiet worker with the most jobs that it has not begun; and whether there is one that is not
---quiet.
local function find_victim(self)
  local victim, most, early = nil, 1, false
  for _, worker in ipairs(self.workers) do
    local count = worker.line.n
    if not worker.quiet then
      early = early or count > 1
    elseif count > most then
      victim, most = worker, count
    end
  end
  return victim, early
end

local function has_idle(self)
  for _, worker in ipairs(self.workers) do
    if worker.ready and worker.line.n == 0 and worker.budget > 0 then return true end
  end
  return false
end

---Takes the later half of a worker's jobs back, those sent last first. One that has begun them
---meanwhile is not quiet any more.
local function take_half(self, victim)
  local job = victim.line.last
  for _ = 1, victim.line.n // 2 do
    local before = job.prev
    if not revoke(job) then
      victim.quiet = false
      return
    end
    prepend(self.queue, job)
    job = before
  end
end

---Evens out, once all answers that have come are handled.
local function balance(self)
  self.balancing = false
  note_quiet(self)
  while self.queue.n == 0 and has_idle(self) do
    local victim, early = find_victim(self)
    if not victim then
      self.balancing = early
      if early then self.alarm = core.call_later(PATIENCE, balance, self) end
      return
    end
    take_half(self, victim)
    self:dispatch()
  end
end

---A worker has nothing to do, and there is nothing in line. Switches: never.
function Engine:wish()
  if self.balancing or self.pending == 0 then return end
  self.balancing = true
  core.call_soon(balance, self)
end
