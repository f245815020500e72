-- SPDX-License-Identifier: MIT
--
-- A pool of workers from the inside: how it is made and closed. Nothing here refers to the object
-- that its users hold; once that is collected, the pool closes itself.

local Engine = require "crun.executor.crew"
local blame = require "crun.link.blame"
local core = require "crun.core"
local line = require "crun.executor.list"
local parcel = require "crun.executor.parcel"

local M = {}

-- --- what nobody holds any more ------------------------------------------------------------------

---The body of a daemon task that does what finalizers ask for: they must not do it themselves.
local function tidy(self)
  while not (self.closed and self.pending == 0) do
    self.attention:wait()
    self.attention:clear()
    if self.dropped then self:close() end
    for run in pairs(self.abandoned) do
      self.abandoned[run] = nil
      run:drop "the iterator of imap was dropped"
      run:close()
      if run.feeder then run.feeder:cancel() end
    end
  end
end

---The iterator of an imap was collected. For finalizers. Switches: never.
function Engine:abandon(run)
  self.abandoned[run] = true
  self.attention:set()
end

---The pool's object was collected. For finalizers. Switches: never.
function Engine:drop()
  self.dropped = true
  self.attention:set()
end

-- --- the functions of maps -----------------------------------------------------------------------

---Numbers a function that many jobs call. Switches: never.
---@param fn table a parcel of the function
---@return table call
function Engine:open_call(fn)
  self.calls = self.calls + 1
  return { number = self.calls, parcel = fn }
end

-- --- jobs that nobody waits for ------------------------------------------------------------------

---The body of a task that lasts as long as such jobs: the program must not end before them.
local function last(self)
  while self.kept > 0 do
    self.released:wait()
    self.released:clear()
  end
end

---Switches: never.
function Engine:keep()
  self.kept = self.kept + 1
  if self.keeper and not self.keeper:done() then return end
  self.keeper = core.spawn(last, self)
  self.keeper.name = "jobs of a " .. self.name
end

---Switches: never.
function Engine:release()
  self.kept = self.kept - 1
  if self.kept == 0 then self.released:set() end
end

-- --- closing -------------------------------------------------------------------------------------

---No job is taken any more; the workers end when those there are over. Switches: never.
function Engine:close()
  self.closed = true
  if self.pending == 0 then self:dismiss() end
end

---Why a job cannot be added. Switches: never.
---@return any
function Engine:why_closed()
  return self.broken or "Pool not running"
end

---Raises, at the script's line, unless jobs can be added. Switches: never.
function Engine:check_open()
  if not self.closed then return end
  local why = self:why_closed()
  if type(why) ~= "string" then error(why, 0) end
  blame(why)
end

---What each worker begins with.
local function first(initializer, args)
  local ok, made = pcall(parcel.pack, initializer, table.unpack(args, 1, args.n or #args))
  if not ok then
    blame((made:gsub("^args%[1%]", "the initializer"):gsub("^args%[(%d+)%]", function(place)
      return ("initargs[%d]"):format(place - 1)
    end)))
  end
  return made
end

---The engine of a pool. Switches: never. Raises: the initializer or its arguments cannot be sent.
---@param name string "ThreadPool"
---@param backend table
---@param size integer
---@param options table
---@return crun.Engine
function M.new(name, backend, size, options)
  local self = setmetatable({
    name = name, backend = backend, size = size, most = size,
    start = first(options.initializer, options.initargs or {}),
    max_jobs = options.max_jobs_per_worker or math.huge,
    retries = options.retries or 0,
    grace = options.grace or 1,
    workers = {}, everyone = {}, queue = line.new(),
    pending = 0, started = 0, calls = 0, fruitless = 0, kept = 0,
    life = core.WaitGroup(), released = core.Event(),
    attention = core.Event(), abandoned = {},
  }, Engine)
  local tidier = core.spawn(tidy, self)
  tidier.name, tidier.daemon = "tidying of a " .. name, true
  return self
end

return M
