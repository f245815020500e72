-- SPDX-License-Identifier: MIT
--
-- crun.Thread as a class: what its objects show of themselves.

local worker_class = require "crun.worker_class"

local getters = {}

function getters.ident(state) return state.handle and state.handle:ident() or state.ident end

local M = worker_class.new("Thread", getters)

---@class crun.Thread
local Thread = M.Base

local function status_of(state)
  if not state.task then return state.ident and "here" or "not started" end
  return state.task:done() and "ended" or "running"
end

function Thread:__tostring()
  local state, kind = M.states[self], getmetatable(self).__name
  if not state then return kind .. ": of another thread" end
  return ("%s: '%s', %s"):format(kind, state.name, status_of(state))
end

return M
