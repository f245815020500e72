-- SPDX-License-Identifier: MIT
--
-- Pool: at most so many jobs at a time. Each job is one task, started in a place of the pool; the
-- runtime gives the place back when the task has ended.
--
-- A job that calls its own pool keeps its place, and lends it to what it waits for when no other
-- is free: apply and map inside a pool's only job do not wait for themselves.

local check = require "crun.check"
local core = require "crun.core"
local imap = require "crun.pool.imap"
local job = require "crun.pool.job"

local internals = core.pool
local add, cancels, occupy = internals.add, internals.cancels, internals.occupy
local check_arguments = job.check_arguments
local FREE, NONE, LINE, OBSERVED = job.FREE, job.NONE, job.LINE, job.OBSERVED

---@class crun.Pool
local Pool = internals.metatable.__index

-- --- single jobs ---------------------------------------------------------------------------------

---Starts fn(...) as a job; waits for a place when the pool is full. The failure of a job that
---nobody waits for is reported, as that of any task.
---May wait. Raises: the pool is closed; every job of the pool, the caller's among them, waits for
---a further place; a cancel.
---@param fn function
---@param ... any
---@return crun.Task
function Pool:spawn(fn, ...)
  if type(fn) ~= "function" then check.callable(fn, 1, "spawn") end
  local task = add(self, 2, FREE, fn, ...)
  if task then return task end
  return job.start_waiting(self, 2, nil, 0, fn, ...)
end

---The same without waiting for a place.
---Switches: never.
---@param fn function
---@param ... any
---@return crun.Task? task, string? message, string? code "EAGAIN"
function Pool:spawn_nowait(fn, ...)
  check.callable(fn, 1, "spawn_nowait")
  local task = add(self, 2, FREE, fn, ...)
  if task then return task end
  return nil, "EAGAIN: the Pool is full", "EAGAIN"
end

---The same, waiting for a place for so many seconds at most. May wait.
---@param seconds number? nil: for ever; 0: not at all
---@param fn function
---@param ... any
---@return crun.Task? task, string? message, string? code "ETIMEDOUT"
function Pool:spawn_timeout(seconds, fn, ...)
  if seconds ~= nil then check.seconds(seconds, 1, "spawn_timeout") end
  check.callable(fn, 2, "spawn_timeout")
  local task = add(self, 2, FREE, fn, ...)
  if task then return task end
  return job.start_waiting(self, 2, seconds, 0, fn, ...)
end

---Runs fn(table.unpack(args)) as a job and returns its results. Inside a job of the same pool it
---uses the place of that job if no other is free. If the caller is cancelled, so is the job.
---May wait. Raises: the job's error; the pool is closed; a cancel.
---@param fn function
---@param args? any[] a list; may have a field `n`, as from table.pack
---@return any ...
function Pool:apply(fn, args)
  check.callable(fn, 1, "apply")
  local list, n = check_arguments(args, "apply")
  local task = job.start_awaited(self, 3, nil, fn, table.unpack(list, 1, n))
  job.wait_or_unwind({ task }, "apply")
  return task:get()
end

---The body of a job that was added when no place was free.
local function queued(self, fn, ...)
  occupy(self)
  return fn(...)
end

---The body of the task that calls back.
local function call_back(task, callback, error_callback)
  internals.await_end(task)
  if task:status() == "returned" then
    if callback then callback(task:result()) end
  elseif error_callback and not task:cancelled() then
    error_callback(task:exception())
  end
end

---Adds fn(table.unpack(args)) as a job and returns its Task at once, also when the pool is full:
---the job then waits for its place, first come, first served, together with the callers of spawn.
---When it has ended, callback gets its results, or error_callback its error, in a task of their own
---that needs no place; for a job that was cancelled, neither is called. Without an error_callback,
---a failure that nobody waits for is reported, as that of any task.
---Switches: never. Raises: the pool is closed.
---@param fn function
---@param args? any[] a list; may have a field `n`, as from table.pack
---@param callback? function
---@param error_callback? function
---@return crun.Task
function Pool:apply_async(fn, args, callback, error_callback)
  check.callable(fn, 1, "apply_async")
  local list, n = check_arguments(args, "apply_async")
  if callback ~= nil then check.callable(callback, 3, "apply_async") end
  if error_callback ~= nil then check.callable(error_callback, 4, "apply_async") end
  local task = add(self, 2, FREE, fn, table.unpack(list, 1, n))
    or add(self, 2, LINE, queued, self, fn, table.unpack(list, 1, n))
  if error_callback then internals.observe(task) end
  if callback or error_callback then
    add(self, 2, NONE, call_back, task, callback, error_callback)
  end
  return task
end

-- --- maps ----------------------------------------------------------------------------------------

---Starts one job of a map, and waits for it if it is in the caller's place. Returns false when the
---pool has been cancelled.
local function start_one(self, call, level, ...)
  local task, lent = job.start_awaited(self, level + 1, call.before, call.fn, ...)
  local tasks = call.tasks
  tasks[#tasks + 1] = task or job.dropped(self, call.fn)
  if lent then task:join() end
  return task ~= nil
end

---Starts a job for each item of a list.
local function start_list(self, call, list)
  local tasks, fn = call.tasks, call.fn
  for i = 1, #list do
    local item = list[i]
    local task = add(self, 5, FREE + OBSERVED, fn, item)
    if task then
      tasks[i] = task
    elseif not start_one(self, call, 5, item) then
      return
    end
  end
end

---Starts a job for each step of an iterator. Its error is kept for the end.
local function start_iterator(self, call, iterate, state, control)
  local function start(ok, first, ...)
    if not ok then
      call.failed, call.failure = true, first
      return false
    end
    control = first
    if first == nil then return false end
    if cancels(self) == call.before then return start_one(self, call, 5, first, ...) end
    call.tasks[#call.tasks + 1] = job.dropped(self, call.fn)
    return false
  end
  while start(pcall(iterate, state, control)) do end
end

local function run_map(self, call, is_list, items, ...)
  local start = is_list and start_list or start_iterator
  start(self, call, items, ...)
  job.wait_all(call.tasks, "map")
end

---Calls fn for each input, each call a job, and returns a list of their first results in order of
---the inputs. All jobs of the call run to their end; then the error of the first input whose job
---failed is raised, or that of the iterator. If the caller is cancelled, so are its jobs; once the
---pool is cancelled, inputs not yet begun are dropped.
---May wait. Raises: these errors; the pool is closed; a cancel.
---@param fn function called with an item of the list, or with the values of one step
---@param items any[]|function a list, or an iterator with its state and control value
---@param ... any what follows the iterator in a generic for
---@return any[]
function Pool:map(fn, items, ...)
  check.callable(fn, 1, "map")
  local is_list = job.check_input(items, (...), "map")
  local _ <close> = select(3, ...)
  local call = { fn = fn, tasks = {}, before = cancels(self) }
  local ok, err = pcall(run_map, self, call, is_list, items, ...)
  if not ok then
    job.unwind(call.tasks, "the task that called map was cancelled", "map")
    error(err, 0)
  end
  local results, failed = internals.results(call.tasks)
  if failed then error(call.tasks[failed]:exception(), 0) end
  if call.failed then error(call.failure, 0) end
  return results
end

---The same for a list of lists of arguments: calls fn(table.unpack(item)). May wait.
---@param fn function
---@param items any[][] each may have a field `n`, as from table.pack
---@return any[]
function Pool:starmap(fn, items)
  check.callable(fn, 1, "starmap")
  job.check_lists(items, "starmap")
  return self:map(job.spread(fn), items)
end

Pool.imap = imap.imap
Pool.imap_unordered = imap.imap_unordered

-- --- scopes --------------------------------------------------------------------------------------

---Leaving the scope of `local pool <close> =` waits for the jobs; leaving it by an error cancels
---them first. No job can be added afterwards.
function internals.metatable.__close(self, err)
  local ok, problem = err == nil, nil
  if ok then ok, problem = pcall(self.join, self) end
  if not ok then
    self:cancel "the scope of the Pool was left by an error"
    core.shield(self.join, self)
  end
  self:close()
  if problem ~= nil and not ok then error(problem, 0) end
end

return { Pool = core.Pool }
