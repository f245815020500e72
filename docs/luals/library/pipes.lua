-- SPDX-License-Identifier: MIT
---@meta

--- An end of a Pipe. It can be sent to a thread or a process, or through another Connection; what
--- arrives is a copy of the end, and this one is to be closed.
---@class crun.Connection
local Connection = {}

--- Sends values as one message. May wait, while more than 1 MiB is under way; raises what cannot
--- be sent.
---@param ... any
---@return true? sent, string? message, string? code "ECLOSED"
function Connection:send(...) end

--- The values of the next message; raises an error when they cannot be made here. May wait.
---@param timeout? number seconds
---@return any ... values; or nil, message, code "ETIMEDOUT", "ECLOSED"
function Connection:recv(timeout) end

--- Waits until recv would not wait, for a message or for the end. May wait.
---@param timeout? number seconds; 0 only looks
---@return boolean
function Connection:poll(timeout) end

--- For a loop: recv until the other end is closed and everything has come. Each step may wait.
---@return fun(): any ...
function Connection:iter() end

--- Waits until the system has all that was sent. May wait.
---@param timeout? number seconds
---@return true? flushed, string? message, string? code "ETIMEDOUT", "ECLOSED"
function Connection:flush(timeout) end

--- Whoever waits at either end gets ECLOSED; what was sent before still arrives. Never waits.
function Connection:close() end

--- Whether this end or the other one is closed. Never waits.
---@return boolean closed, string? why
function Connection:closed() end
