-- SPDX-License-Identifier: MIT
--
-- The inside of a pool of workers: which job is where. A job waits in the pool's line, or is in the
-- line of a worker, which it has been sent to. There it can be taken back until the worker claims
-- it; so jobs wait at the workers, ready to be begun, and still move to one that has nothing to do,
-- are cancelled before they start, and survive the worker.
--
-- A job: `value`, where that is all there is to send, or `parcel` and `kind`; `size` in bytes; and
-- `owner`, whose `call` is the function of a map, and whose method settle(job, how, ...) is called
-- once: "returned" and results, "failed", error and traceback, or "cancelled" and the cancel error.
-- It must not wait. The rest is the engine's: where the job is, and how often its worker died.

local core = require "crun.core"
local kinds = require "crun.executor.kinds"
local line = require "crun.executor.list"
local parcel = require "crun.executor.parcel"

local remote = core.remote
local append, insert, remove = line.append, line.insert, line.remove
local send_parcel = parcel.send
local JOB, CALL = kinds.JOB, kinds.CALL

---Jobs under way at one worker, and bytes of theirs, from which on it gets no further one.
local DEPTH, BYTES = 32, 1 << 18

---@class crun.Engine
---@field workers table[] those that start or work, in the order of their starts
---@field pending integer jobs that are not settled
local Engine = {}
Engine.__index = Engine

-- --- sending jobs to workers ---------------------------------------------------------------------

---The worker with the fewest jobs among those that may get another one.
local function pick(self, size)
  local workers = self.workers
  local best, least = nil, DEPTH
  for place = 1, #workers do
    local worker = workers[place]
    local count = worker.line.n
    if count < least and worker.ready and worker.budget > 0
      and (count == 0 or worker.bytes + size <= BYTES) then
      if count == 0 then return worker end
      best, least = worker, count
    end
  end
  return best
end

---Sends the function of a map before its first job.
local function send_call(worker, call)
  send_parcel(worker.link, CALL, call.number, 0, call.parcel)
  worker.calls[call.number] = true
end

---Puts a job on the board and in the line of a worker.
local function line_up(worker, job)
  local spare, own = worker.spare, worker.line
  local id = worker.free[spare]
  worker.spare = spare - 1
  job.worker, job.id = worker, id
  worker.offer(worker.board, id)
  insert(own, own.last, job, false)
  worker.bytes = worker.bytes + job.size
  worker.budget = worker.budget - 1
end

---Sends a job, and before it the function of its map if the worker has not got that.
local function send(worker, job)
  local call, number = job.owner.call, 0
  if call then
    number = call.number
    if not worker.calls[number] then send_call(worker, call) end
  end
  if job.parcel then
    send_parcel(worker.link, job.kind or JOB, job.id, number, job.parcel)
  else
    worker.post(worker.port, JOB, job.id, number, job.value)
  end
end

---The job is in no worker's line any more.
local function take_out(worker, job)
  remove(worker.line, job)
  local spare = worker.spare + 1
  worker.spare = spare
  worker.free[spare] = job.id + DEPTH
  worker.bytes = worker.bytes - job.size
  job.worker = false
  if job.alarm then job.alarm:cancel() end
end

---Takes a job back from its worker; false when that has begun it.
---@param job table
---@return boolean
local function revoke(job)
  local worker = job.worker
  if not worker.board:revoke(job.id) then return false end
  take_out(worker, job)
  worker.budget = worker.budget + 1
  return true
end

---Gives a job to a worker. One with descriptors may turn out not to be fit for sending.
local function give(self, worker, job)
  line_up(worker, job)
  local call = job.owner.call
  if not (job.parcel and job.parcel.copied or call and call.parcel.copied) then
    return send(worker, job)
  end
  local ok, err = pcall(send, worker, job)
  if ok then return end
  revoke(job)
  self:settle(job, "failed", err, "")
end

---Sends what waits, as far as there are workers for it.
---Switches: never.
function Engine:dispatch()
  local queue = self.queue
  while queue.first do
    local job = queue.first
    local worker = pick(self, job.size)
    if not worker then break end
    remove(queue, job)
    give(self, worker, job)
  end
  if self.pending > #self.workers then self:recruit() end
end

---Adds a job. Switches: never.
---@param job table
function Engine:add(job)
  self.pending = self.pending + 1
  local worker = self.queue.n == 0 and pick(self, job.size)
  if worker then give(self, worker, job) else append(self.queue, job) end
  if self.pending > #self.workers then self:recruit() end
end

-- --- answers -------------------------------------------------------------------------------------

---The job is over. Switches: never.
---@param job table
---@param how "returned"|"failed"|"cancelled"
---@param ... any
function Engine:settle(job, how, ...)
  self.pending = self.pending - 1
  if job.parcel then parcel.drop(job.parcel) end
  job.owner:settle(job, how, ...)
  if self.pending == 0 and self.closed then self:dismiss() end
end

---The next jobs for a worker that has room.
local function refill(self, worker)
  local queue, own = self.queue, worker.line
  while queue.n > 0 and worker.budget > 0 and own.n < DEPTH do
    local job = queue.first
    if own.n > 0 and worker.bytes + job.size > BYTES then return end
    remove(queue, job)
    give(self, worker, job)
  end
  if own.n > 0 then return end
  if worker.budget <= 0 then
    self:retire(worker)
    if queue.n > 0 then self:recruit() end
  else
    self:wish()
  end
end

---The function of a map is not needed any more. Switches: never.
---@param call table
function Engine:close_call(call)
  for _, worker in ipairs(self.workers) do
    if worker.calls[call.number] then
      worker.calls[call.number] = nil
      worker.link:post(kinds.FORGET, call.number, 0)
    end
  end
end

---What a worker has answered. Workers answer in the order of their jobs.
---Switches: never.
function Engine:answered(worker, id, how, ...)
  local job = worker.line.first
  if not job or job.id ~= id then error("an answer to a job that was not begun", 0) end
  take_out(worker, job)
  worker.heard, worker.served = true, true
  if worker.ready then refill(self, worker) end
  self:settle(job, how, ...)
end

---The worker says that the job was cancelled: by `job.cancelled`, if somebody here did.
---Switches: never.
function Engine:answered_cancelled(worker, id, reason, origin)
  local job = worker.line.first
  local err = job and job.cancelled or remote.cancelled(reason, origin)
  self:answered(worker, id, "cancelled", err)
end

return { Engine = Engine, DEPTH = DEPTH, take_out = take_out, revoke = revoke, refill = refill }
