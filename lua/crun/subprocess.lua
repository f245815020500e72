-- SPDX-License-Identifier: MIT
--
-- Module crun.subprocess: other programs, run as child processes.

local core = require "crun.core"
local options = require "crun.subprocess.options"
local pipeline = require "crun.subprocess.pipeline"
local popen = require "crun.subprocess.popen"
local result = require "crun.subprocess.result"

local M = {
  PIPE = "pipe", DEVNULL = "null", INHERIT = "inherit", STDOUT = "stdout",
  ProcessError = result.ProcessError,
  pipeline = pipeline.run,
  ---Numbers of signals by name.
  signals = core.signals,
}

---@alias crun.subprocess.Source "pipe"|"inherit"|"null"|integer|crun.Stream|file*

---@class crun.subprocess.PopenOptions the program and its arguments are [1], [2] ...
---@field [integer] string|number
---@field stdin? crun.subprocess.Source "inherit" by default
---@field stdout? crun.subprocess.Source
---@field stderr? crun.subprocess.Source|"stdout"
---@field fds? table<integer, any> further descriptors of the child, from 3 on, and their sources
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
---@field max_output? integer bytes, of each output that is captured

---Starts a program.
---Switches: never; but the thread stands still until the program is loaded.
---@param opts crun.subprocess.PopenOptions
---@return crun.Popen? popen, string? message, string? code "ENOENT": no such program
function M.Popen(opts)
  options.check(opts, options.popen, "Popen")
  return popen.start(options.process(opts, "Popen"))
end

---Neither fed nor drained, and not waited for longer than told.
local function wait_only(process, timeout)
  local code, signal, failure = process.child:wait(timeout)
  if not code then return nil, signal, failure end
  return result.new { args = process.args, code = code, signal = signal }
end

---Runs a program and waits for its end; its process group is killed when the time is over or the
---caller is cancelled.
---May wait. Raises a ProcessError (with `check`); a cancel.
---@param opts crun.subprocess.RunOptions
---@return crun.subprocess.Result? result
---@return string? message
---@return string? code "ENOENT": no such program; "ETIMEDOUT", "EMSGSIZE": it has been killed
---@return crun.subprocess.Result? killed what it had written till then
function M.run(opts)
  local resolved = options.resolve(opts, options.run, "run")
  local process, message, code = popen.start(options.process(resolved, "run"))
  if not process then return nil, message, code end
  local _ <close> = process
  local done
  if process.stdin or process.stdout or process.stderr then
    done, message, code = process:communicate(resolved.input, resolved.timeout)
  else
    done, message, code = wait_only(process, resolved.timeout)
  end
  if not done then return nil, message, code, popen.abort(process) end
  return resolved.check and done:check() or done
end

---This program's environment, as a table to be given as `env`.
---Switches: never.
---@param changes? table<string, string|number|false> what is different; false: not there
---@return table<string, string|number>
function M.environ(changes)
  if changes ~= nil and type(changes) ~= "table" then
    error(("bad argument #1 to 'environ' (table expected, got %s)"):format(type(changes)), 2)
  end
  local env = core.environ()
  for name, value in pairs(changes or {}) do env[name] = value or nil end
  return env
end

return M
