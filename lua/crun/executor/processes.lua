-- SPDX-License-Identifier: MIT
--
-- Workers that are processes; see crew.lua for what each function is.

local core = require "crun.core"
local engine = require "crun.executor.engine"
local spawn_worker = require "crun.spawn_worker"
local worker_side = require "crun.executor.worker"

local SIGKILL, SIGTERM, SIGCONT = 9, 15, 18

---The descriptor of the board in the worker.
local BOARD = 4

local M = { MORTAL = true }

function M.start(worker, pool)
  local board, fd = core.claims_share(engine.DEPTH)
  if not board then error(fd, 0) end
  local ok, link, child = pcall(spawn_worker.start, {
    name = ("%s %s"):format(pool.name, worker.name), fds = { [BOARD] = fd },
  })
  core.close_fd(fd)
  if not ok then error(link, 0) end
  if not link then error(child, 0) end
  worker.board, worker.link, worker.handle = board, link, child
end

function M.serve(worker, first)
  return worker.link:submit(worker_side.serve, { fd = BOARD }, first)
end

function M.interrupt(worker)
  worker.handle:kill(SIGTERM)
  worker.handle:kill(SIGCONT)
end

function M.kill(worker)
  worker.handle:kill(SIGKILL)
end

function M.wait(worker, seconds)
  local code, signo = worker.handle:wait(seconds)
  if not code then return nil end
  return spawn_worker.describe(code, signo)
end

return M
