-- SPDX-License-Identifier: MIT
--
-- The workers of a pool: each has a daemon task that starts it, waits for its end, and deals with
-- what it has left behind. They start when jobs need them.
--
-- The backend (threads.lua, processes.lua) knows what a worker is: start(worker, engine) sets
-- `link`, `handle` and `board`, and may wait; serve(worker, first) -> a Future, has it begin with
-- the initializer; interrupt(worker) and kill(worker) end it, with clean-ups or without; MORTAL
-- says whether kill ends it for certain; wait(worker [, seconds]) -> how it ended, in words; nil:
-- it has not.

local core = require "crun.core"
local engine = require "crun.executor.engine"
local kinds = require "crun.executor.kinds"
local line = require "crun.executor.list"
require "crun.executor.balance"
require "crun.executor.losses"

local Engine, DEPTH = engine.Engine, engine.DEPTH

---Workers that end one after another without having done a job, before the pool is given up.
local FRUITLESS = 3

-- --- the life of a worker ------------------------------------------------------------------------

local function forget(list, worker)
  for place, each in ipairs(list) do
    if each == worker then return table.remove(list, place) end
  end
end

---Raised where the worker was ended while it began: it has not refused to work.
local ENDED = "it was ended before it began"

---Starts it and has it begin. Raises what goes wrong.
local function prepare(self, worker)
  self.backend.start(worker, self)
  worker.offer = worker.board.offer
  worker.port, worker.post = worker.link.port, worker.link.port.post
  self:listen(worker)
  local begun = self.backend.serve(worker, self.start)
  begun:join()
  if begun:cancelled() then error(ENDED, 0) end
  begun:get()
end

---Waits for its end, however long the tasks take that jobs have left there; a worker that should be
---gone already is killed.
local function reap(self, worker)
  local how = self.backend.wait(worker, not worker.link.orderly and self.grace or nil)
  if how then return how end
  self.backend.kill(worker)
  return self.backend.wait(worker)
end

---No worker can be had: as many as there are must do; or one that is leaving has to be gone; or the
---pool is given up.
local function fail_start(self, failure)
  if #self.workers > 0 then
    self.most = #self.workers
  elseif #self.everyone > 0 then
    self.starved = true
  else
    self:give_up(failure)
  end
end

---A worker has ended that never did a job.
local function count_fruitless(self, worker, reason)
  if worker.refused then return self:give_up(worker.failure) end
  self.fruitless = self.fruitless + 1
  if self.fruitless >= FRUITLESS then
    self.fruitless = 0
    fail_start(self, reason)
  end
end

---It is gone, and `reason` says how.
local function bury(self, worker, reason)
  forget(self.workers, worker)
  forget(self.everyone, worker)
  worker.gone, worker.ready = true, false
  if worker.alarm then worker.alarm:cancel() end
  self:inherit(worker, reason)
  if worker.leaving then self.starved = false end
  if worker.served then
    self.fruitless = 0
  elseif not (worker.leaving or self.closed) then
    count_fruitless(self, worker, reason)
  end
  self:dispatch()
  self.life:done()
end

local function begin(self, worker)
  if worker.leaving then return worker.link:close() end
  worker.ready = true
  self:dispatch()
  if worker.line.n == 0 then self:wish() end
end

---What its end is told as.
local function explain(self, worker, how)
  return ("EWORKERDIED: %s of the %s %s"):format(worker.name, self.name, how)
end

---It ends with its task. Its clean-ups have as long as the pool grants.
local function take_along(self, worker)
  local backend = self.backend
  backend.interrupt(worker)
  if backend.wait(worker, self.grace) then return end
  backend.kill(worker)
  if backend.MORTAL then backend.wait(worker) end
end

---The task of a worker ends before it with the program, or because the pool is terminated; maybe
---before its first turn.
local function cut_short(self, worker, err)
  if worker.gone then return end
  if not self.terminated then
    self.terminated = true
    self:give_up(err)
  end
  if worker.handle then core.shield(take_along, self, worker) end
  bury(self, worker, explain(self, worker, "was ended before it began"))
end

local function guard(self, worker)
  return setmetatable({}, { __close = function(_, err) cut_short(self, worker, err) end })
end

---The body of a worker's task.
local function live(self, worker)
  local _ <close> = guard(self, worker)
  local ok, failure = pcall(prepare, self, worker)
  if ok then
    begin(self, worker)
  elseif core.remote.is_cancelled(failure) then
    error(failure, 0)
  else
    worker.failure = failure
    if not worker.link then return bury(self, worker, tostring(failure)) end
    worker.refused = failure ~= ENDED and not worker.link:closed()
    worker.link:close()
  end
  worker.link:join()
  bury(self, worker, explain(self, worker, reap(self, worker)))
end

---Starts a further worker, if there may be one. Switches: never.
function Engine:recruit()
  if #self.workers >= self.most or self.starved or self.terminated then return end
  self.started = self.started + 1
  local worker = {
    name = ("worker %d"):format(self.started),
    line = line.new(), bytes = 0, budget = self.max_jobs, calls = {},
    free = {}, spare = DEPTH, -- numbers for jobs, each for another slot of the board
    heard = true,             -- since the engine looked last
  }
  for slot = 1, DEPTH do worker.free[slot] = slot end
  table.insert(self.workers, worker)
  table.insert(self.everyone, worker)
  self.life:add()
  worker.task = core.spawn(live, self, worker)
  worker.task.name = worker.name .. " of a " .. self.name
  worker.task.daemon = true
  worker.task:on_done(function(task) cut_short(self, worker, task:exception()) end)
end

---Lets a worker go that has nothing to do. Switches: never.
function Engine:retire(worker)
  worker.leaving, worker.ready = true, false
  forget(self.workers, worker)
  if worker.link then worker.link:close() end
end

---Lets all of them go. Switches: never.
function Engine:dismiss()
  self.attention:set()
  if self.alarm then self.alarm:cancel() end
  for place = #self.workers, 1, -1 do self:retire(self.workers[place]) end
end

-- --- what a worker says -------------------------------------------------------------------------

---Switches: never.
function Engine:listen(worker)
  local handlers, answered = worker.link.handlers, self.answered
  handlers[kinds.RESULT] = function(_, id, _, ...) answered(self, worker, id, "returned", ...) end
  handlers[kinds.ERROR] = function(_, id, _, err, traceback)
    core.remote.keep(err, traceback)
    answered(self, worker, id, "failed", err, traceback)
  end
  handlers[kinds.CANCELLED] = function(_, id, _, ...) self:answered_cancelled(worker, id, ...) end
  local function fail(id, _, err) answered(self, worker, id, "failed", err, "") end
  worker.link:on_refused(kinds.RESULT, fail)
  worker.link:on_refused(kinds.ERROR, fail)
end

-- --- ending the pool -----------------------------------------------------------------------------

---Ends a worker whatever it does, gently first.
local function put_down(self, worker)
  if worker.gone or not worker.handle then return end
  self.backend.interrupt(worker)
  worker.alarm = core.call_later(self.grace, self.backend.kill, worker)
end

---No job is taken any more; those there are cancelled, and the workers ended.
---Switches: never.
---@param reason string
function Engine:terminate(reason)
  if self.terminated then return end
  self.closed, self.terminated = true, true
  self.attention:set()
  if self.alarm then self.alarm:cancel() end
  local workers = table.move(self.everyone, 1, #self.everyone, 1, {})
  self:settle_all("cancelled", core.remote.cancelled(reason))
  for _, worker in ipairs(workers) do
    worker.leaving, worker.ready = true, false
    if not worker.link then worker.task:cancel(reason) end
    put_down(self, worker)
  end
end

---No worker can be had: all jobs fail, and so do further ones. Where the end of the program is the
---reason, they are cancelled.
---Switches: never.
---@param failure any
function Engine:give_up(failure)
  if type(failure) == "string" then
    failure = ("the workers of the %s cannot start: %s"):format(self.name, failure)
  end
  self.broken, self.closed = failure, true
  self:settle_all(core.remote.is_cancelled(failure) and "cancelled" or "failed", failure, "")
  self:dismiss()
end

return Engine
