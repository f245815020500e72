-- SPDX-License-Identifier: MIT
--
-- Workers that are threads; see crew.lua for what each function is.

local Link = require "crun.link"
local core = require "crun.core"
local engine = require "crun.executor.engine"
local worker_side = require "crun.executor.worker"

local M = {}

---Seconds before a thread in which a cancelled job does not end is stopped where it computes.
M.patience = 0.02

local function connect(worker, pool)
  local name = ("%s %s"):format(pool.name, worker.name)
  local here, there = core.port_pair()
  local handle, message = core.thread_start(there:detach(), name)
  if not handle then
    here:close()
    error(message, 0)
  end
  worker.handle = handle
  worker.link = Link.new(here, {
    to = "to a thread",
    explain = function() return ("thread '%s' has ended"):format(name) end,
  })
  worker.link:init { name = name }
end

function M.start(worker, pool)
  worker.board = core.claims(engine.DEPTH)
  connect(worker, pool)
end

function M.serve(worker, initializer, ...)
  local where = { address = worker.board:address() }
  return worker.link:submit_at(-1, worker_side.serve, where, initializer, ...)
end

function M.interrupt(worker)
  worker.handle:interrupt("the job was cancelled")
end

---A thread cannot be killed.
M.kill = M.interrupt

function M.wait(worker, seconds)
  if worker.handle:join(seconds) then return "has ended" end
  return nil
end

return M
