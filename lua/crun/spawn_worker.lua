-- SPDX-License-Identifier: MIT
--
-- Starting worker processes: for crun.Process, the pools of processes, the supervisor.
--
-- A worker process is the `crun` program, executed anew and never forked, with a link to whoever
-- started it. It lives as long as that link: when its other end is closed, or its parent dies, what
-- runs in the worker is cancelled and the worker ends.

local core = require "crun.core"
local Link = require "crun.link"
local program = require "crun.program"
local signal_name = require("crun.subprocess.result").signal_name

local workers = core.workers
local M = {}

---The descriptor of the port in the worker; those of `fds` follow it.
local PORT = 3

---Seconds in which a worker whose port has ended should have ended, too.
local PATIENCE = 5

---How a process ended, in words: "was killed by signal 9 (SIGKILL)", "exited with status 3".
---Switches: never.
---@param code integer? the exit status
---@param signo integer? the signal that killed it
---@return string
function M.describe(code, signo)
  if signo then
    local name = signal_name(signo)
    return ("was killed by %s"):format(name:find "^SIG" and ("signal %d (%s)"):format(signo, name)
      or name)
  end
  return ("exited with status %d"):format(code)
end

---For the link, once its port has ended without a goodbye.
local function explain(name, child)
  local code, signo = child:wait(PATIENCE)
  local how = code and M.describe(code, signo) or "has closed its port"
  return ("process '%s' (pid %d) %s"):format(name, child.pid, how)
end

---Whole milliseconds for an option of the program.
local function option(name, seconds)
  return seconds and ("--%s=%d"):format(name, math.max(1, math.ceil(seconds * 1000))) or nil
end

local function arguments(name)
  local list = { "crun" }
  if workers.ignores_environment() then list[#list + 1] = "-E" end
  list[#list + 1] = option("preempt", core.preempt())
  list[#list + 1] = option("watchdog", core.watchdog())
  list[#list + 1] = "--worker"
  list[#list + 1] = name
  return list
end

local function descriptors(theirs, further)
  local fds = { [0] = "null", [1] = "inherit", [2] = "inherit", [PORT] = theirs }
  for fd, source in pairs(further or {}) do fds[fd] = source end
  return fds
end

---Executes the program. Returns the child and our end of the port.
local function execute(options)
  local file, why, code = program.find()
  if not file then return nil, why, code end
  local ours, theirs, failed = core.socketpair()
  if not ours then return nil, theirs, failed end
  local child, message, problem = core.child {
    file = file, args = arguments(options.name), env = options.env, cwd = options.cwd,
    fds = descriptors(theirs, options.fds), group = options.group,
  }
  core.close_fd(theirs)
  if child then return child, ours end
  core.close_fd(ours)
  return nil, message, problem
end

---A worker that dies before it was greeted shows by the end of its port.
local function connect(options, child, fd)
  workers.greet(fd)
  local link = Link.new(core.port_open(fd), {
    to = options.to or "to a process",
    explain = function() return explain(options.name, child) end,
  })
  link:init { name = options.name }
  return link
end

---Starts a worker process. Returns the link to it and the Child (wait, poll, kill, pid); both are
---yours. To have the worker end in order: `link:finish()`, `link:join()`, `link:close()`. To have
---it end now: `child:kill(15)`, which cancels what runs in it, or `child:kill(9)`.
---
---`fds`: descriptors for the worker by their number there, from 4 on, and 0 to 2, which are
---/dev/null, and ours, otherwise; they stay the caller's. `to`: ends error texts about what cannot
---be sent, "to a process" if absent. `env`, `cwd`, `group`: as for core.child.
---May wait, the first time, under a stock interpreter. Raises: out of memory.
---@param options {name: string, fds?: table<integer, any>, to?: string, env?: string[],
---  cwd?: string, group?: boolean}
---@return crun.Link? link, table|string child or message, string? code "ENOENT", "EMFILE" ...
function M.start(options)
  local child, fd, code = execute(options)
  if not child then return nil, fd, code end
  local ok, link = pcall(connect, options, child, fd)
  if ok then return link, child end
  child:kill(9)
  core.shield(child.wait, child)
  error(link, 0)
end

return M
