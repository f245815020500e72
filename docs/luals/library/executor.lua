-- SPDX-License-Identifier: MIT
---@meta

--- Jobs in workers: threads or processes. `#pool` counts those that are not over. Leaving the scope
--- of `local pool <close> =` waits for them; leaving it by an error terminates the pool first.
---@class crun.Executor
---@operator len: integer
local Executor = {}

---@class crun.ExecutorOptions
---@field initializer? function called in each worker before its first job
---@field initargs? any[] what it is called with
---@field max_jobs_per_worker? integer a worker that has done so many is replaced
---@field retries? integer so often a job is begun again whose worker died (0)
---@field grace? number seconds a cancelled job gets to end before its worker is ended (1)

---@class crun.MapOptions
---@field chunk? integer so many inputs go to a worker together (1)
---@field limit? integer so many inputs are under way at most

--- Adds fn(...) as a job, with its arguments as they are now. Cancelling the Future takes the job
--- back, or cancels it if it has begun. Never waits. Raises: what cannot be sent; the pool is closed.
---@param fn function
---@param ... any
---@return crun.Future
function Executor:submit(fn, ...) end

--- Runs fn(table.unpack(args)) as a job. May wait. Raises: the job's error.
---@param fn function
---@param args? any[]
---@return any ...
function Executor:apply(fn, args) end

--- Adds fn(table.unpack(args)) as a job. Never waits.
---@param fn function
---@param args? any[]
---@param callback? function called with the results
---@param error_callback? fun(err: any)
---@return crun.Future
function Executor:apply_async(fn, args, callback, error_callback) end

--- Calls fn for each input, in workers. May wait. Raises: the error of the first input that failed.
---@param fn function
---@param items any[]|function a list, or an iterator with state, control value and closing value
---@param ... any options, a crun.MapOptions, come last
---@return any[] results the first of each call, in order
function Executor:map(fn, items, ...) end

--- The same for a list of lists of arguments. May wait.
---@param fn function
---@param items any[][]
---@param options? crun.MapOptions
---@return any[]
function Executor:starmap(fn, items, options) end

--- Iterates over the results in order of the inputs. Each step may wait.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Executor:imap(fn, items, ...) end

--- The same in order of the jobs' ends. Each step may wait.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Executor:imap_unordered(fn, items, ...) end

--- No job is taken any more; the workers end once those there are over. Never waits.
function Executor:close() end

--- The same, and all jobs are cancelled; workers that do not end are killed. Never waits.
---@param reason? string
function Executor:terminate(reason) end

--- Waits until all workers of a closed pool have ended. May wait.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Executor:join(timeout) end

--- Closes the pool and joins it, unless `wait` is false. May wait.
---@param options? {wait?: boolean, cancel_futures?: boolean}
function Executor:shutdown(options) end
