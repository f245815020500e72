-- SPDX-License-Identifier: MIT
---@meta

---@class crun.Process.Options
---@field target? function what the process runs
---@field args? any[] its arguments; may have a field `n`, as from table.pack
---@field name? string "Process-1" and so on by default
---@field daemon? boolean the program does not wait for it, but ends it at its end

--- A function that runs in a process of its own. crun.Process { target = ... } makes one; in a class
--- made by extend further fields are the object's.
---@class crun.Process
---@overload fun(options?: crun.Process.Options): crun.Process
---@field name string may be set until it is started
---@field daemon boolean may be set until it is started
---@field pid? integer once it has been started
---@field exitcode? integer once it has ended; -n when signal n has killed it
local Process = {}

--- Starts the process; once for each object. May wait; raises what of target and args cannot be
--- sent.
---@return crun.Process? self, string? message, string? code "ENOENT", "EMFILE", "EAGAIN" ...
function Process:start() end

--- What runs in the child: calls the target. For classes made by extend to replace. May wait.
---@return any ...
function Process:run() end

--- Waits until the process has ended, in whatever way; its failure then counts as noticed. May wait.
---@param timeout? number seconds
---@return true? ended, string? message, string? code "ETIMEDOUT"
function Process:join(timeout) end

--- The same, and returns what the target returned, or raises its error; "EWORKERDIED: ..." when the
--- process ended before its target did. May wait.
---@param timeout? number seconds
---@return any ... or nil, message, "ETIMEDOUT"
function Process:get(timeout) end

--- Where the target failed, in the child; "" if it did not. Never waits.
---@return string
function Process:traceback() end

--- Whether it has been started and has not ended. Never waits.
---@return boolean
function Process:is_alive() end

--- Sends SIGTERM: what runs in the child is cancelled, clean-ups run, and it ends. Never waits.
---@return boolean sent false: it had ended
function Process:terminate() end

--- Ends it at once by SIGKILL, without clean-ups. Never waits.
---@return boolean sent false: it had ended
function Process:kill() end

--- Makes a class whose objects run their method `run` in the child, on a copy of the object. Never
--- waits.
---@param name? string for tostring
---@return crun.Process class
function Process:extend(name) end
