-- SPDX-License-Identifier: MIT
---@meta

---@class crun.Thread.Options
---@field target? function what the thread runs
---@field args? any[] its arguments; may have a field `n`, as from table.pack
---@field name? string "Thread-1" and so on by default
---@field daemon? boolean the program does not wait for it, but cancels it at its end

--- A function in an OS thread of its own, with a Lua state and a hub of its own. Leaving the scope
--- of `local thread <close> =` waits for it; leaving it by an error cancels it first.
--- crun.Thread { target = ... } makes one; in a class made by extend further fields are the object's.
--- Without a target it does what call_soon and submit ask for, until close or cancel.
---@class crun.Thread
---@overload fun(options?: crun.Thread.Options): crun.Thread
---@field name string "Thread-" and a number unless it was set; may be set before the start
---@field daemon boolean the program does not wait for it, but cancels it at its end
---@field ident? integer the kernel's number of the thread, once it has been started
local Thread = {}

--- Starts it. May wait, while very much is sent. Raises: started before; what cannot be sent.
---@return crun.Thread? self, string? message, string? code "EAGAIN", "EMFILE", "ENOMEM" ...
function Thread:start() end

--- What runs in the thread: calls the target. For classes made by extend to replace. May wait.
---@return any ...
function Thread:run() end

--- Makes a class whose objects run their method `run` in the thread, on a copy of the object. Never
--- waits.
---@param name? string for tostring
---@return crun.Thread class
function Thread:extend(name) end

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
