-- SPDX-License-Identifier: MIT
--
-- What ThreadPool and ProcessPool are: one class, on different workers. See engine.lua for how jobs
-- are dealt out.

local blame = require "crun.link.blame"
local check = require "crun.check"
local core = require "crun.core"
local maps = require "crun.executor.maps"
local parcel = require "crun.executor.parcel"
local pool = require "crun.executor.pool"
local pool_job = require "crun.pool.job"
local words = require "crun.link.words"

local remote = core.remote

---@class crun.Executor
---@field package engine crun.Engine
local Executor = { __unsendable = "a pool of workers" }
Executor.__index = Executor
Executor.__unsendable = "a pool of workers"

-- --- futures -------------------------------------------------------------------------------------

---The owner of jobs with a Future.
local Single = {}

---How such a job is over.
function Single.settle(_, job, how, ...)
  local future = job.future
  remote.hooks[future] = nil
  job.engine:release()
  if future:done() then return end
  if how == "returned" then
    future:set_result(...)
  elseif how == "failed" then
    remote.fail(future, ...)
  else
    remote.cancel(future, (...))
  end
  if job.callback then job.callback(future, how) end
end

---Adds fn(...) as a job. Raises, at the line of the script, what cannot be sent, or that the pool
---is closed.
local function add(self, callback, fn, ...)
  local engine = self.engine
  engine:check_open()
  local ok, made = pcall(parcel.pack, fn, ...)
  if not ok then blame(words.call(made)) end
  local future = core.Future()
  local job = {
    owner = Single, parcel = made, size = made.size, worker = false, id = 0, prev = false,
    next = false, future = future, engine = engine, callback = callback,
  }
  remote.hooks[future] = function(_, err) engine:cancel(job, err) end
  engine:keep()
  engine:add(job)
  return future
end

---Adds fn(...) as a job, with its arguments as they are now. Cancelling the Future takes the job
---back if it has not begun; else it cancels it, and the Future is cancelled once it has ended.
---Switches: never. Raises: what cannot be sent; the pool is closed.
---@param fn function
---@param ... any
---@return crun.Future
function Executor:submit(fn, ...)
  check.callable(fn, 1, "submit")
  local future = add(self, nil, fn, ...)
  return future
end

---Runs fn(table.unpack(args)) as a job and returns its results. If the caller is cancelled, so is
---the job.
---May wait. Raises: the job's error; what cannot be sent; the pool is closed; a cancel.
---@param fn function
---@param args? any[] a list; may have a field `n`, as from table.pack
---@return any ...
function Executor:apply(fn, args, ...)
  check.no_more(3, "apply", (...))
  check.callable(fn, 1, "apply")
  local list, n = pool_job.check_arguments(args, "apply")
  local future = add(self, nil, fn, table.unpack(list, 1, n))
  local ok, err = pcall(future.join, future)
  if not ok then
    future:cancel "the task that called apply was cancelled"
    core.shield(future.join, future)
    error(err, 0)
  end
  return future:get()
end

---What is called when a job of apply_async has ended.
local function caller(callback, error_callback)
  if not (callback or error_callback) then return nil end
  return function(future, how)
    if how == "returned" then
      if callback then core.spawn(callback, future:result()) end
    elseif how == "failed" and error_callback then
      core.spawn(error_callback, future:exception())
    end
  end
end

---Adds fn(table.unpack(args)) as a job. When it has ended, callback gets its results, or
---error_callback its error, in a task of its own; for a job that was cancelled, neither is called.
---Without an error_callback, a failure that nobody looks at is reported, as that of any Future.
---Switches: never. Raises: what cannot be sent; the pool is closed.
---@param fn function
---@param args? any[] a list; may have a field `n`, as from table.pack
---@param callback? function
---@param error_callback? function
---@return crun.Future
function Executor:apply_async(fn, args, callback, error_callback, ...)
  check.no_more(5, "apply_async", (...))
  check.callable(fn, 1, "apply_async")
  local list, n = pool_job.check_arguments(args, "apply_async")
  if callback ~= nil then check.callable(callback, 3, "apply_async") end
  if error_callback ~= nil then check.callable(error_callback, 4, "apply_async") end
  local future = add(self, caller(callback, error_callback), fn, table.unpack(list, 1, n))
  return future
end

-- --- maps ----------------------------------------------------------------------------------------

local KNOWN = { chunk = "integer", limit = "integer" }

---The options of a map, all of them set. Raises two levels above.
local function map_options(self, options, place, name)
  check.options(options, KNOWN, place, name)
  local chunk = options and options.chunk or 1
  local limit = options and options.limit or self.engine.size * math.max(32, 4 * chunk)
  return { chunk = chunk, limit = limit }
end

---What map and imap share: options, which come last, and whether the inputs are a list.
local function prepared(self, name, items, ...)
  local is_list = not check.is_callable(items)
  local options
  if is_list then
    options = map_options(self, (...), 3, name)
    check.no_more(4, name, (select(2, ...)))
  else
    options = map_options(self, (select(4, ...)), 6, name)
    check.no_more(7, name, (select(5, ...)))
  end
  self.engine:check_open()
  return self.engine, options, is_list
end

---Calls fn for each input, each call a job, and returns a list of their first results in order of
---the inputs. All jobs of the call run to their end; then the error of the first input whose job
---failed is raised, or that of the iterator. If the caller is cancelled, so are its jobs.
---
---Options follow the list, or the four values of a generic for: `chunk`: so many inputs go to a
---worker together (1); `limit`: so many inputs are under way at most.
---May wait. Raises: these errors; the function cannot be sent; the pool is closed; a cancel.
---@param fn function called with an item of the list, or with the values of one step
---@param items any[]|function a list, or an iterator with state, control value and closing value
---@param ... any
---@return any[]
function Executor:map(fn, items, ...)
  check.callable(fn, 1, "map")
  pool_job.check_input(items, nil, "map")
  local engine, options, is_list = prepared(self, "map", items, ...)
  if is_list then return maps.map(engine, fn, options, true, items) end
  return maps.map(engine, fn, options, false, items, ...)
end

---The same for a list of lists of arguments: calls fn(table.unpack(item)). May wait.
---@param fn function
---@param items any[][] each may have a field `n`, as from table.pack
---@param options? {chunk: integer?, limit: integer?}
---@return any[]
function Executor:starmap(fn, items, options, ...)
  check.no_more(4, "starmap", (...))
  check.callable(fn, 1, "starmap")
  pool_job.check_lists(items, "starmap")
  local engine, set = prepared(self, "starmap", items, options)
  return maps.map(engine, pool_job.spread(fn), set, true, items)
end

local function imap(self, by_end, name, fn, items, ...)
  local engine, options, is_list = prepared(self, name, items, ...)
  if is_list then return maps.imap(engine, by_end, fn, options, true, items) end
  return maps.imap(engine, by_end, fn, options, false, items, ...)
end

---`for value, ... in pool:imap(fn, items) do`: calls fn for each input, each call a job, and
---iterates over their results in order of the inputs. Not more inputs than `limit` are begun ahead
---of the loop, so there may be endlessly many. An error of a job is raised by the iterator at that
---job's place, one of the input at its end; called again after the error of a job, the iterator
---goes on behind it. Leaving the loop cancels the jobs and waits for those that have begun;
---dropping the iterator cancels those that have not. Options as for map.
---Each step may wait. Raises, at once: the function cannot be sent; the pool is closed.
---@param fn function called with an item of the list, or with the values of one step
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Executor:imap(fn, items, ...)
  check.callable(fn, 1, "imap")
  pool_job.check_input(items, nil, "imap")
  return imap(self, false, "imap", fn, items, ...)
end

---The same in order of the jobs' ends. Each step may wait.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Executor:imap_unordered(fn, items, ...)
  check.callable(fn, 1, "imap_unordered")
  pool_job.check_input(items, nil, "imap_unordered")
  return imap(self, true, "imap_unordered", fn, items, ...)
end

-- --- the end -------------------------------------------------------------------------------------

---No job is taken any more; the workers end once those there are over. Switches: never.
function Executor:close()
  self.engine:close()
end

---The same, and all jobs are cancelled; workers that do not end are killed. Switches: never.
---@param reason? string
function Executor:terminate(reason)
  self.engine:terminate(reason or "the pool was terminated")
end

---Waits until all workers have ended. May wait. Raises: the pool is neither closed nor terminated;
---a cancel.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Executor:join(timeout)
  if timeout ~= nil then check.seconds(timeout, 1, "join") end
  if not self.engine.closed then error("join of a pool that is not closed", 2) end
  return self.engine.life:wait(timeout)
end

---Closes the pool and, unless `wait` is false, joins it. With `cancel_futures`, jobs that have not
---begun are cancelled.
---May wait. Raises: a cancel.
---@param options? {wait?: boolean, cancel_futures?: boolean}
function Executor:shutdown(options)
  check.options(options, { wait = "boolean", cancel_futures = "boolean" }, 1, "shutdown")
  options = options or {}
  self:close()
  if options.cancel_futures then
    self.engine:withdraw_all(remote.cancelled "the pool was shut down")
  end
  if options.wait ~= false then self:join() end
end

---Leaving the scope of `local pool <close> =` waits for the jobs; leaving it by an error terminates
---the pool first.
function Executor:__close(err)
  local ok, problem = err == nil, nil
  if ok then ok, problem = pcall(self.shutdown, self) end
  if ok then return end
  self:terminate "the scope of the pool was left by an error"
  core.shield(self.join, self)
  if problem ~= nil then error(problem, 0) end
end

function Executor:__gc()
  if self.engine then self.engine:drop() end
end

---Jobs that are not over.
function Executor:__len()
  return self.engine.pending
end

function Executor:__tostring()
  local engine = self.engine
  local state = engine.broken and ", broken" or engine.closed and ", closed" or ""
  return ("crun.%s: %d of %d workers, %d jobs%s"):format(engine.name, #engine.everyone,
    engine.size, engine.pending, state)
end

---A pool over a backend; see crew.lua. Switches: never.
---@param name string "ThreadPool"
---@param backend table
---@param size integer
---@param options table
---@return crun.Executor
local function new(name, backend, size, options)
  return setmetatable({ engine = pool.new(name, backend, size, options) }, Executor)
end

return { new = new }
