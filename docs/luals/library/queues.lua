-- SPDX-License-Identifier: MIT
---@meta

---@class crun.Queue
---@operator len: integer
local Queue = {}

--- Waits while it is full. May wait. A PriorityQueue raises the errors of its comparison.
---@param item any nil is a legal one
---@param timeout? number seconds
---@return true? put, string? message, string? code "ETIMEDOUT", "ECLOSED"
function Queue:put(item, timeout) end

--- Waits while it is empty. May wait.
---@param timeout? number seconds
---@return any item
---@return string? message there is one only if it failed
---@return string? code "ETIMEDOUT", "ECLOSED"
function Queue:get(timeout) end

--- Never waits, unless the comparison of a PriorityQueue does.
---@param item any
---@return true? put, string? message, string? code "EAGAIN", "ECLOSED"
function Queue:put_nowait(item) end

--- Never waits.
---@return any item
---@return string? message
---@return string? code "EAGAIN", "ECLOSED"
function Queue:get_nowait() end

--- For a loop: get until it is closed and empty. Each step may wait; raises at an item that is nil.
---@return fun(): any
function Queue:iter() end

--- One item less to be done. Raises at one too many. Never waits.
function Queue:task_done() end

--- Waits until each item that was put has been reported done. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Queue:join(timeout) end

--- Puts fail from now on; what is inside can be got. Never waits.
---@param discard? boolean true: what is inside is dropped, and counted as done
function Queue:close(discard) end

--- Never waits.
---@return boolean
function Queue:closed() end

--- How many items are inside; as `#queue`. Never waits.
---@return integer
function Queue:qsize() end

--- Never waits.
---@return integer maxsize 0 for an unbounded one
function Queue:maxsize() end

--- Never waits.
---@return boolean
function Queue:empty() end

--- Never waits.
---@return boolean
function Queue:full() end

---@class crun.LifoQueue: crun.Queue

---@class crun.PriorityQueue: crun.Queue

---@class crun.Channel
---@operator len: integer
local Channel = {}

--- Waits for room, without capacity for a receiver. May wait.
---@param value any
---@param timeout? number seconds
---@return true? sent, string? message, string? code "ETIMEDOUT", "ECLOSED"
function Channel:send(value, timeout) end

--- May wait.
---@param timeout? number seconds
---@return any value
---@return string? message
---@return string? code "ETIMEDOUT", "ECLOSED"
function Channel:recv(timeout) end

--- Never waits.
---@param value any
---@return true? sent, string? message, string? code "EAGAIN", "ECLOSED"
function Channel:send_nowait(value) end

--- Never waits.
---@return any value
---@return string? message
---@return string? code "EAGAIN", "ECLOSED"
function Channel:recv_nowait() end

--- For a loop: recv until it is closed and empty. Each step may wait.
---@return fun(): any
function Channel:iter() end

--- Never waits.
---@param discard? boolean
function Channel:close(discard) end

--- Never waits.
---@return boolean
function Channel:closed() end

--- How many values have room. Never waits.
---@return number
function Channel:capacity() end
