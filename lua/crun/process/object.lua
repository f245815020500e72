-- SPDX-License-Identifier: MIT
--
-- crun.Process as a class: what its objects show of themselves.

local spawn_worker = require "crun.spawn_worker"
local worker_class = require "crun.worker_class"

local getters = {}

function getters.pid(state) return state.child and state.child.pid or state.pid end

function getters.exitcode(state)
  if not state.child then return nil end
  local code = state.child:poll()
  return code
end

local M = worker_class.new("Process", getters)

---@class crun.Process
local Process = M.Base

local function status_of(state)
  if not state.child then return state.pid and "here" or "not started" end
  local code, signo = state.child:poll()
  return code and spawn_worker.describe(code, signo) or "running"
end

function Process:__tostring()
  local state, kind = M.states[self], getmetatable(self).__name
  if not state then return kind .. ": of another process" end
  local pid = self.pid and (", pid %d"):format(self.pid) or ""
  return ("%s: '%s'%s, %s"):format(kind, state.name, pid, status_of(state))
end

return M
