-- SPDX-License-Identifier: MIT
---@meta

--- A function in an OS thread of its own, with a Lua state and a hub of its own. Leaving the scope
--- of `local thread <close> =` waits for it; leaving it by an error cancels it first.
---@class crun.Thread
---@field name string "Thread-" and a number unless it was set; may be set before the start
---@field daemon boolean the program does not wait for it, but cancels it at its end
---@field ident? integer the kernel's number of the thread, once it has been started
local Thread = {}

--- Starts it. May wait, while very much is sent. Raises: started before; what cannot be sent.
---@return crun.Thread? self, string? message, string? code "EAGAIN", "EMFILE", "ENOMEM" ...
function Thread:start() end

--- Waits until it has ended, in whatever way; a failure then counts as noticed. May wait. Raises:
--- not started.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Thread:join(timeout) end

--- The same, and returns what the target returned. May wait. Raises: the target's error; the
--- cancel error; not started.
---@param timeout? number seconds
---@return any ... or nil, message, "ETIMEDOUT"
function Thread:get(timeout) end

--- Where the target failed, in the thread; "" if it did not. Never waits.
---@return string
function Thread:traceback() end

--- Whether it has been started and has not ended. Never waits.
---@return boolean
function Thread:is_alive() end

--- Cancels all that runs there, whether it waits or computes. Never waits. Raises: not started.
---@param reason? any
---@return boolean alive false: it had ended
function Thread:cancel(reason) end

--- Nothing more will be asked of it: without a target it ends once it has done everything. Never
--- waits. Raises: not started.
function Thread:close() end

--- Calls fn(...) there; a failure is reported there. May wait, while very much is sent. Raises: not
--- started; what cannot be sent.
---@param fn function
---@param ... any
---@return true? sent, string? message, string? code "ECLOSED"
function Thread:call_soon(fn, ...) end

--- Calls fn(...) there, and returns the Future of its results; cancelling that cancels the call at
--- its next wait. May wait, while very much is sent. Raises: not started; what cannot be sent.
---@param fn function
---@param ... any
---@return crun.Future
function Thread:submit(fn, ...) end
