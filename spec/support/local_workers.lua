-- SPDX-License-Identifier: MIT

--- Workers of a pool that are tasks of this hub: what the pool itself does, without threads. A
--- worker can die at any time, with what it has begun.
local core = require "crun.core"
local crun = require "crun"
local engine = require "crun.executor.engine"
local executor = require "crun.executor.object"
local links = require "spec.support.links"
local worker_side = require "crun.executor.worker"

local M = {}

local function backend()
  local self = { workers = {}, patience = 1 }

  function self.start(worker)
    worker.board = core.claims(engine.DEPTH)
    worker.link, worker.there = links.pair()
    worker.handle = worker
    worker.ended = crun.Event()
    worker.there:on_close(function() worker.ended:set() end)
    self.workers[#self.workers + 1] = worker
    if self.fail_start then self.kill(worker) end
  end

  function self.serve(worker, ...)
    return crun.spawn(worker_side.attach, worker.there, worker.board, ...)
  end

  function self.kill(worker)
    worker.killed = true
    worker.there.port:close()
  end

  function self.interrupt(worker)
    worker.interrupted = true
  end

  function self.wait(worker, seconds)
    if not worker.ended:wait(seconds) then return nil end
    return worker.killed and "was killed" or "has ended"
  end

  return self
end

--- A pool of such workers, and its backend: `workers` in the order of their starts, `kill(worker)`.
function M.pool(size, options)
  local made = backend()
  return executor.new("LocalPool", made, size, options or {}), made
end

return M
