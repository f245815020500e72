-- SPDX-License-Identifier: MIT
--
-- ThreadPool and ProcessPool: jobs in workers; and map, over these or a pool of tasks.

local check = require "crun.check"
local core = require "crun.core"
local object = require "crun.executor.object"
local pool_job = require "crun.pool.job"

local M = {}

local OPTIONS = {
  initializer = "function", initargs = "table", max_jobs_per_worker = "integer",
  retries = "count", grace = "seconds",
}

local function check_size(size, name)
  if size == nil then return core.cpu_count() end
  if math.type(size) == "integer" and size >= 1 then return size end
  error(("bad argument #1 to '%s' (integer >= 1 or nil expected, got %s)")
    :format(name, tostring(size)), 3)
end

local function new_pool(name, backend, size, options)
  size = check_size(size, name)
  check.options(options, OPTIONS, 2, name)
  return object.new(name, require(backend), size, options or {})
end

---A pool of so many threads, as many as there are processors if nil. They start when jobs need
---them.
---
---Options: `initializer`, called with `initargs` in each worker before its first job;
---`max_jobs_per_worker`: a worker that has done so many is replaced; `retries`: so often a job is
---begun again whose worker died; `grace`: seconds that a cancelled job gets to end before its
---worker is ended (1).
---Switches: never.
---@param size? integer
---@param options? table
---@return crun.Executor
function M.ThreadPool(size, options, ...)
  check.no_more(3, "ThreadPool", (...))
  return new_pool("ThreadPool", "crun.executor.threads", size, options)
end

---The same with processes. Switches: never.
---@param size? integer
---@param options? table
---@return crun.Executor
function M.ProcessPool(size, options, ...)
  check.no_more(3, "ProcessPool", (...))
  return new_pool("ProcessPool", "crun.executor.processes", size, options)
end

local POOLS = {
  tasks = function(size) return core.Pool(size) end,
  threads = M.ThreadPool,
  processes = M.ProcessPool,
}

---Calls fn for each item of a list and returns the list of first results, with a pool made for it:
---of tasks, or, with `on`, of "threads" or "processes". `limit`: so many calls at a time; absent,
---any number of tasks, or a worker for each processor.
---May wait. Raises: the error of the first item whose call failed, once all are over; a cancel.
---@param fn function
---@param items any[]|function a list or an iterator
---@param options? {on: "tasks"|"threads"|"processes"|nil, limit: integer?}
---@return any[]
function M.map(fn, items, options)
  check.callable(fn, 1, "map")
  pool_job.check_input(items, nil, "map")
  check.options(options, { on = "string", limit = "integer" }, 3, "map")
  local on = options and options.on or "tasks"
  if not POOLS[on] then
    error(("bad argument #3 to 'map' (option 'on': \"tasks\", \"threads\" or \"processes\" "
      .. "expected, got '%s')"):format(on), 2)
  end
  local workers <close> = POOLS[on](options and options.limit)
  return workers:map(fn, items)
end

return M
