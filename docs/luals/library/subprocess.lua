-- SPDX-License-Identifier: MIT
---@meta crun.subprocess

---@class crun.subprocess
---@field PIPE "pipe"
---@field DEVNULL "null"
---@field INHERIT "inherit"
---@field STDOUT "stdout"
---@field signals table<string, integer> numbers of signals by name
---@field ProcessError crun.subprocess.ProcessError
local subprocess = {}

--- What stands behind a descriptor of the child.
---@alias crun.subprocess.Source "pipe"|"inherit"|"null"|integer|crun.Stream|file*

--- The program and its arguments are [1], [2] ...
---@class crun.subprocess.PopenOptions
---@field [integer] string|number
---@field stdin? crun.subprocess.Source "inherit" by default
---@field stdout? crun.subprocess.Source
---@field stderr? crun.subprocess.Source|"stdout"
---@field fds? table<integer, crun.subprocess.Source> further descriptors, from 3 on; no "pipe"
---@field cwd? string
---@field env? table<string, string|number> in place of this program's; see environ
---@field shell? boolean [1] is a script for /bin/sh, what follows are its $1, $2 ...
---@field executable? string the program, should [1] be only the name that it gets
---@field process_group? boolean its own; by default unless it can read our terminal
---@field start_new_session? boolean

---@class crun.subprocess.RunOptions: crun.subprocess.PopenOptions
---@field input? string for its standard input
---@field timeout? number seconds
---@field check? boolean raise a ProcessError unless it exits with 0
---@field capture_output? boolean stdout and stderr are "pipe"
---@field max_output? integer bytes of each output that is captured; 256 MiB by default

---@class crun.subprocess.Stage
---@field [integer] string|number
---@field cwd? string
---@field env? table<string, string|number>
---@field executable? string
---@field shell? boolean
---@field stderr? crun.subprocess.Source|"stdout"

---@class crun.subprocess.PipelineOptions
---@field [integer] crun.subprocess.Stage
---@field input? string for the first one
---@field stdin? crun.subprocess.Source of the first one
---@field stdout? crun.subprocess.Source of the last one
---@field stderr? crun.subprocess.Source|"stdout" of those without their own
---@field cwd? string the same
---@field env? table<string, string|number> the same
---@field timeout? number seconds
---@field check? boolean
---@field capture_output? boolean
---@field max_output? integer bytes

--- Runs a program and waits for its end; its process group is killed when the time is over or the
--- caller is cancelled. The fourth value is what it had written till then. May wait.
---@param opts crun.subprocess.RunOptions
---@return crun.subprocess.Result? result, string? message, string? code, crun.subprocess.Result? killed
function subprocess.run(opts) end

--- Runs programs each of which reads what the one before it writes. May wait.
---@param opts crun.subprocess.PipelineOptions
---@return crun.subprocess.Result? result, string? message, string? code, crun.subprocess.Result? killed
function subprocess.pipeline(opts) end

--- Starts a program. Never waits.
---@param opts crun.subprocess.PopenOptions
---@return crun.Popen? popen, string? message, string? code "ENOENT": no such program
function subprocess.Popen(opts) end

--- This program's environment, as a table to be given as `env`. Never waits.
---@param changes? table<string, string|number|false> what is different; false: not there
---@return table<string, string|number>
function subprocess.environ(changes) end

---@class crun.subprocess.Result
---@field args string[]|string[][] the command, or those of a pipeline
---@field code integer of exit; -n if killed by signal n
---@field signal? integer
---@field stdout? string what was captured
---@field stderr? string
---@field stages? crun.subprocess.Result[] of a pipeline
local Result = {}

--- Raises a ProcessError unless the exit code is 0. Never waits.
---@return crun.subprocess.Result self
function Result:check() end

--- What `check` raises; it has the fields of the Result.
---@class crun.subprocess.ProcessError: crun.subprocess.Result

--- A child process. Leaving the scope of `local p <close> =` waits for it; leaving it by an error
--- kills it and its process group.
---@class crun.Popen
---@field stdin? crun.Stream to be written, with stdin="pipe"
---@field stdout? crun.Stream to be read
---@field stderr? crun.Stream
---@field pid integer
---@field args string[]
local Popen = {}

--- Waits for the end; every waiter gets the same. May wait.
---@param timeout? number seconds
---@return integer? code of exit; -n if killed by signal n
---@return integer|string|nil signal n; or a message
---@return string? failure "ETIMEDOUT"
function Popen:wait(timeout) end

--- The same; nil alone while it runs. Never waits.
---@return integer? code, integer? signal
function Popen:poll() end

--- Writes the input, reads both outputs to their ends, and waits for the process. After a timeout
--- it may be called again. May wait.
---@param input? string
---@param timeout? number seconds
---@return crun.subprocess.Result? result, string? message, string? code
function Popen:communicate(input, timeout) end

--- To the process alone. Never waits.
---@param signal integer|string a number, or a name as "SIGHUP"
---@return true? sent, string? message, string? code "ESRCH": it has ended
function Popen:send_signal(signal) end

--- SIGTERM to the process and to the group that it leads. Never waits.
---@return true? sent, string? message, string? code "ESRCH": nobody is left
function Popen:terminate() end

--- The same with SIGKILL. Never waits.
---@return true? sent, string? message, string? code "ESRCH": nobody is left
function Popen:kill() end

--- Closes the three streams. Never waits.
function Popen:close() end
