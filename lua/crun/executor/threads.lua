-- SPDX-License-Identifier: MIT
--
-- Workers that are threads; see crew.lua for what each function is.

local core = require "crun.core"
local engine = require "crun.executor.engine"
local keeper = require "crun.thread.keeper"
local worker_side = require "crun.executor.worker"

local M = { MORTAL = false }

---Seconds before a thread in which a cancelled job does not end is stopped where it computes.
M.patience = 0.02

function M.start(worker, pool)
  local state = { name = ("%s %s"):format(pool.name, worker.name) }
  local ok, message = keeper.open(state)
  if not ok then error(message, 0) end
  worker.board = core.claims(engine.DEPTH)
  worker.link, worker.handle = state.link, state.handle
end

function M.serve(worker, first)
  return worker.link:submit(worker_side.serve, { address = worker.board:address() }, first)
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
