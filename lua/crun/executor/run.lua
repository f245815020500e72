-- SPDX-License-Identifier: MIT
--
-- A map or imap under way: the jobs that it has begun. The function is sent once to each worker.

local blame = require "crun.link.blame"
local core = require "crun.core"
local inputs = require "crun.executor.inputs"
local parcel = require "crun.executor.parcel"

local remote = core.remote

---The owner of the jobs of a map or imap.
---@class crun.Run
---@field open integer inputs begun whose results are not fetched
---@field limit integer so many at most
---@field unfinished integer jobs that are not over
---@field over fun(run: crun.Run, job: table, how: string, ...: any) told of each job; must not wait
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
    open = 0, begun = 0, unfinished = 0,
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

---A job is over. Switches: never.
function Run:settle(job, how, ...)
  self.unfinished = self.unfinished - 1
  self:over(job, how, ...)
  if self.waiting then self.gate:set() end
end

---Adds a job, or settles it if it cannot be one. Of a pool that has been closed nothing more can be
---had: the inputs are not read on.
local function add(self, job, refused)
  if refused then
    self:settle(job, "failed", job.parcel, "")
  elseif self.engine.closed then
    self.stopped = true
    self:settle(job, "cancelled", remote.cancelled(self.engine:why_closed()))
  else
    self.engine:add(job)
  end
end

---Begins the job of what the inputs give next. May wait, and raises, where the inputs do.
---@return boolean begun false at their end
function Run:begin()
  if self.stopped then return false end
  local size, value, kind, count = self.source()
  if size == nil or self.stopped then return false end
  local place = self.begun + 1
  self.begun = place
  self.unfinished = self.unfinished + 1
  self.open = self.open + (count or 1)
  if kind then
    add(self, {
      owner = self, parcel = value, kind = kind, count = count, size = size, place = place,
      worker = false, id = 0, prev = false, next = false,
    }, not size)
  else
    add(self, {
      owner = self, value = value, size = size, place = place,
      worker = false, id = 0, prev = false, next = false,
    })
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
  for _, job in ipairs(self.engine:jobs_of(self)) do self.engine:withdraw(job, err) end
end

---Cancels all jobs and waits until they have ended, whatever happens to the caller meanwhile.
---@param reason string
function Run:unwind(reason)
  self:drop(reason)
  local err = remote.cancelled(reason)
  for _, job in ipairs(self.engine:jobs_of(self)) do self.engine:cancel(job, err) end
  core.shield(function()
    while self.unfinished > 0 do self:await() end
  end)
end

---No job of it comes any more. Switches: never.
function Run:close()
  self.stopped = true
  self.engine:close_call(self.call)
end

return Run
