-- SPDX-License-Identifier: MIT
--
-- Pool:imap and Pool:imap_unordered. A feeder task takes the inputs and starts the jobs, and is
-- ahead of the reader by the pool's window at most; so an input may be endless, and may wait
-- without holding up results that are there.

local check = require "crun.check"
local core = require "crun.core"
local job = require "crun.pool.job"

local internals = core.pool
local refuse_nil = job.refuse_nil
local cancels, new_window = internals.cancels, internals.window_new

local M = {}

local function list_iterator(list)
  local place = 0
  return function()
    place = place + 1
    return list[place]
  end
end

-- --- the feeder ----------------------------------------------------------------------------------

---The body of the feeder task. An error of the iterator ends it, and the reader raises it.
local function feed(self, window, fn, left, iterate, state, control)
  local _ <close> = left.closing
  local _ <close> = window
  left.closing = nil
  local before = cancels(self)
  local function start(first, ...)
    control = first
    if first == nil then return false end
    local task = cancels(self) == before and job.start_awaited(self, 2, before, fn, first, ...)
    window:add(task or job.dropped(self, fn))
    return task
  end
  while window:wait_room() and start(iterate(state, control)) do end
end

---What a loop has when it is left, and what is collected with an iterator that is dropped.
local Imap = { __name = "crun.Imap" }

---Ends what is left of it and waits until that is over, whatever happens to the caller meanwhile.
function Imap:__close()
  local left = self.left
  if self.feeder:done() and #self.window:tasks() == 0 and not left.closing then return end
  self.feeder:cancel "the loop over imap was left"
  core.outlast({ self.feeder }, "imap")
  local _ <close> = left.closing
  left.closing = nil
  job.unwind(self.window:tasks(), "the loop over imap was left", "imap")
end

function Imap:__gc()
  self.window:finish()
end

-- --- the reader ----------------------------------------------------------------------------------

---The iterator: raises the error of a job in its place, and can be called again then. It keeps imap
---from being collected.
local function reader(imap)
  local told = false
  return function()
    local task = imap.window:next()
    if task then return refuse_nil(task:get()) end
    if told then return nil end
    imap.feeder:join()
    told = true
    if imap.feeder:status() ~= "returned" then error(imap.feeder:exception(), 0) end
    return nil
  end
end

local function run(self, by_end, fn, iterate, state, control, closing)
  local window = new_window(internals.window(self), by_end)
  local left = { closing = closing } -- until the feeder has its first turn
  local feeder = core.spawn(feed, self, window, fn, left, iterate, state, control)
  internals.observe(feeder)
  feeder.name = "imap's feeder"
  feeder.daemon = true
  local imap = setmetatable({ window = window, feeder = feeder, left = left }, Imap)
  return reader(imap), nil, nil, imap
end

---Inside a job of the same pool, the calls run one after another, in the place of that job if no
---other is free.
local function run_inside(self, fn, iterate, state, control, closing)
  local function call(first, ...)
    control = first
    if first == nil then return nil end
    local task = job.start_awaited(self, 3, nil, fn, first, ...)
    job.wait_or_unwind({ task }, "imap")
    return refuse_nil(task:get())
  end
  return function() return call(iterate(state, control)) end, nil, nil, closing
end

local function start(self, by_end, fn, items, ...)
  local iterate = check.is_callable(items) and items or list_iterator(items)
  if internals.inside(self) then return run_inside(self, fn, iterate, ...) end
  return run(self, by_end, fn, iterate, ...)
end

---`for value, ... in pool:imap(fn, items) do`: calls fn for each input, each call a job, and
---iterates over their results in order of the inputs. At most so many jobs as the pool's `window`
---says are begun ahead of the loop, so the input may be endless. An error of a job is raised by the
---iterator at that job's place, one of the input at its end; called again after the error of a
---job, the iterator goes on behind it. Leaving the loop cancels the jobs still running and waits
---for them.
---Each step may wait.
---@param fn function called with an item of the list, or with the values of one step
---@param items any[]|function a list, or an iterator with its state and control value
---@param ... any what follows the iterator in a generic for
---@return function iterator, nil, nil, table closing
function M.imap(self, fn, items, ...)
  check.callable(fn, 1, "imap")
  job.check_input(items, (...), "imap")
  return start(self, false, fn, items, ...)
end

---The same in order of the jobs' ends. Each step may wait.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function M.imap_unordered(self, fn, items, ...)
  check.callable(fn, 1, "imap_unordered")
  job.check_input(items, (...), "imap_unordered")
  return start(self, true, fn, items, ...)
end

return M
