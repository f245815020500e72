-- SPDX-License-Identifier: MIT
---@meta

---@alias crun.Status "new"|"ready"|"running"|"waiting"|"returned"|"failed"|"cancelled"

---@class crun.Task
---@field name string "task#" and its id unless it was set
---@field daemon boolean true: the program does not wait for it; may be set
---@field preempt? boolean interrupted when it computes long; nil: as crun.preempt says
---@field id integer
local Task = {}

--- Waits until it has ended, however. Raises when a task joins itself. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Task:join(timeout) end

--- Waits for its results; raises its own error if it failed, its cancel error if it was cancelled.
--- May wait.
---@param timeout? number seconds
---@return any ... its results; or nil, message, "ETIMEDOUT"
function Task:get(timeout) end

--- Its results; nothing unless it has returned. Never waits.
---@return any ...
function Task:result() end

--- Its error, or cancel error; nil if there is none. Never waits.
---@return any
function Task:exception() end

--- Makes its waits raise a crun.Cancelled until it ends. Never waits.
---@param reason? any
---@return boolean alive whether it had not ended
function Task:cancel(reason) end

--- Makes its next wait raise that, once. Never waits.
---@param err any
---@return boolean alive
function Task:throw(err) end

--- Whether it has ended. Never waits.
---@return boolean
function Task:done() end

--- Whether it has ended by a cancel. Never waits.
---@return boolean
function Task:cancelled() end

--- Never waits.
---@return crun.Status
function Task:status() end

--- Calls fn(task) in a task of its own after the end, before those who wait for it go on.
--- Never waits.
---@param fn fun(task: crun.Task)
---@return crun.Callback
function Task:on_done(fn) end

--- Where it is now, or where it failed. Never waits.
---@return string
function Task:traceback() end

---@class crun.Callback
local Callback = {}

--- The function will not be called. Never waits.
function Callback:remove() end

--- A result that somebody sets. Set once: setting it again raises.
---@class crun.Future
local Future = {}

--- Never waits.
---@param ... any
function Future:set_result(...) end

--- Never waits.
---@param err any raised as it is wherever it is read
function Future:set_error(err) end

--- Never waits.
---@param reason? any
---@return boolean pending whether it was
function Future:cancel(reason) end

--- Waits until it is set, however. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Future:join(timeout) end

--- Waits for its values; raises its error, or the cancel error. May wait.
---@param timeout? number seconds
---@return any ... its values; or nil, message, "ETIMEDOUT"
function Future:get(timeout) end

--- Its values; nothing if there are none. Never waits.
---@return any ...
function Future:result() end

--- Its error, or cancel error; nil if there is none. Never waits.
---@return any
function Future:exception() end

--- Whether it is set. Never waits.
---@return boolean
function Future:done() end

--- Whether it was cancelled. Never waits.
---@return boolean
function Future:cancelled() end

--- Never waits.
---@return "pending"|"returned"|"failed"|"cancelled"
function Future:status() end

--- Where it was set to an error. Never waits.
---@return string
function Future:traceback() end

--- Calls fn(future) once it is set, in a task of its own. Never waits.
---@param fn fun(future: crun.Future)
---@return crun.Callback
function Future:on_done(fn) end

--- What call_soon, call_later and call_at return.
---@class crun.Handle
local Handle = {}

--- The call will not be made. Never waits.
---@return boolean in_time whether it had not begun
function Handle:cancel() end

--- Never waits.
---@return boolean
function Handle:cancelled() end

--- When it is due, on the clock of crun.now(). Never waits.
---@return number seconds
function Handle:when() end

---@class crun.Timer
local Timer = {}

--- The seconds begin. Raises when it was started before. Never waits.
function Timer:start() end

--- The call will not be made. Never waits.
---@return boolean in_time
function Timer:cancel() end

--- Waits until the call has ended, or was cancelled. Raises before start. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Timer:join(timeout) end

--- Whether it has been started and has not come to its end. Never waits.
---@return boolean
function Timer:is_alive() end

---@class crun.Greenlet
---@field parent? crun.Greenlet who goes on when it ends; nil for a task's root; may be set
---@field dead boolean
local Greenlet = {}

--- Goes on in it. Lets no other task run. Never waits.
---@param ... any
---@return any ... what the switch back here brings
function Greenlet:switch(...) end

--- The same, but its own switch raises that; without an error it ends. Never waits.
---@param err? any
---@return any ...
function Greenlet:throw(err) end

---@class crun.ContextVar
local ContextVar = {}

--- Its value in this task; else the default given here, else its own; raises if there is none.
--- Never waits.
---@param default? any
---@return any
function ContextVar:get(default) end

--- Never waits.
---@param value any
---@return crun.Token
function ContextVar:set(value) end

--- Makes it what it was before the set that gave the token, in the same task, once. Never waits.
---@param token crun.Token
function ContextVar:reset(token) end

--- Never waits.
---@return string
function ContextVar:name() end

---@class crun.Token
