-- SPDX-License-Identifier: MIT
---@meta

--- A block that its tasks cannot outlive; `#group` counts those that have not ended.
---@class crun.Group
---@operator len: integer
local Group = {}

--- Never waits. Raises when the group is closed.
---@param fn function
---@param ... any
---@return crun.Task
function Group:spawn(fn, ...) end

--- Cancels the tasks and the body. Never waits.
---@param reason? any
---@return boolean effect
function Group:cancel(reason) end

--- Waits until no task runs. Raises a crun.Error of all errors. May wait.
---@param timeout? number seconds
---@return any[]? results the first of each task in the order of their spawns
---@return string? message
---@return string? code "ETIMEDOUT"
function Group:results(timeout) end

--- What the end of the block does: waits for all. Raises a crun.Error of all errors. May wait.
function Group:close() end

--- Runs so many jobs at a time; `#pool` counts the places taken.
---@class crun.Pool
---@operator len: integer
local Pool = {}

--- Starts fn(...) as a job once a place is free. May wait.
---@param fn function
---@param ... any
---@return crun.Task
function Pool:spawn(fn, ...) end

--- The same without waiting. Never waits.
---@param fn function
---@param ... any
---@return crun.Task? task, string? message, string? code "EAGAIN"
function Pool:spawn_nowait(fn, ...) end

--- The same, waiting for a place so long at most. May wait.
---@param seconds? number
---@param fn function
---@param ... any
---@return crun.Task? task, string? message, string? code "ETIMEDOUT"
function Pool:spawn_timeout(seconds, fn, ...) end

--- Runs fn(table.unpack(args)) as a job; raises its error. May wait.
---@param fn function
---@param args? any[]
---@return any ... its results
function Pool:apply(fn, args) end

--- Adds fn(table.unpack(args)) as a job, which waits for its place. Never waits.
---@param fn function
---@param args? any[]
---@param callback? function called with the results
---@param error_callback? fun(err: any)
---@return crun.Task
function Pool:apply_async(fn, args, callback, error_callback) end

--- Calls fn for each input. When all have ended, raises the first error in their order. May wait.
---@param fn function
---@param items any[]|function a list, or an iterator with its state and control value
---@param ... any
---@return any[] results the first of each
function Pool:map(fn, items, ...) end

--- The same for a list of lists of arguments. May wait.
---@param fn function
---@param items any[][]
---@return any[]
function Pool:starmap(fn, items) end

--- For a loop: the results in order of the inputs. Each step may wait, and raises its job's error.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Pool:imap(fn, items, ...) end

--- The same in order of the jobs' ends. Each step may wait.
---@param fn function
---@param items any[]|function
---@param ... any
---@return function iterator, nil, nil, table closing
function Pool:imap_unordered(fn, items, ...) end

--- Waits until no job and no callback is left. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Pool:join(timeout) end

--- Waits until a place is free. May wait.
---@param timeout? number seconds
---@return true? free, string? message, string? code "ETIMEDOUT"
function Pool:wait_available(timeout) end

--- Cancels all jobs; those that wait for a place never start. Never waits.
---@param reason? any
function Pool:cancel(reason) end

--- Refuses further jobs. Never waits.
function Pool:close() end

--- Never waits.
---@return number places math.huge without limit
function Pool:free_count() end

--- Whether spawn would wait. Never waits.
---@return boolean
function Pool:full() end
