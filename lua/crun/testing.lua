-- SPDX-License-Identifier: MIT

--- Tools for tests: a clock that jumps, a schedule that can be replayed, a look at what is left.
local core = require "crun.core"
local leaks = require "crun.testing.leaks"
local run = require "crun.testing.run"

local M = {
  async = run.async,
  busted = run.busted,
  end_tasks = leaks.end_tasks,
  leaks = leaks.leaks,
  run = run.run,
  schedules = run.schedules,
  snapshot = leaks.snapshot,
}

--- Replaces the hub's clock by a virtual one: when every task waits, time jumps to the next
--- timer at once, so a test that sleeps for an hour takes no time. I/O is still real.
function M.virtual_clock()
  core.clock("virtual")
end

--- Returns to the machine's monotonic clock.
function M.real_clock()
  core.clock("real")
end

--- Moves the virtual clock forward without waiting; timers that became due fire at the next wait.
--- @param seconds number at least 0
function M.advance(seconds)
  core.advance(seconds)
end

--- Draws the next ready task by a seeded generator instead of first in, first out. The same seed
--- gives the same schedule, so a failure can be replayed.
--- @param seed integer|nil nil returns to first in, first out
function M.seed(seed)
  core.schedule(seed)
end

return M
