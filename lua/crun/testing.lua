-- SPDX-License-Identifier: MIT

--- Tools for tests: a clock that jumps, a schedule that can be replayed, a look at what is left.
local core = require "crun.core"
local crun = require "crun"

local M = {}

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

--- What the hub holds now, to compare with later.
--- @return { alive: table<crun.Task, true>, handles: integer, timers: integer, stacks: integer }
function M.snapshot()
  local stats = core.stats()
  local alive = {}
  for _, task in ipairs(crun.tasks()) do alive[task] = true end
  return {
    alive = alive,
    handles = stats.handles,
    timers = stats.timers,
    stacks = stats.stacks - stats.stacks_idle,
  }
end

local function describe_task(task)
  local where = task:traceback():match("[^\n]+:%d+:[^\n]*") or "no Lua frame"
  return ("%s '%s' at %s"):format(tostring(task), task.name, where:gsub("^%s+", ""))
end

--- How many leaked tasks are described; the others are only counted.
local DESCRIBED = 10

local function leaked_tasks(list, alive)
  local current, found = crun.current(), 0
  for _, task in ipairs(crun.tasks()) do
    if task ~= current and task.id ~= 1 and not alive[task] then
      found = found + 1
      if found <= DESCRIBED then list[#list + 1] = describe_task(task) end
    end
  end
  if found > DESCRIBED then
    list[#list + 1] = ("and %d tasks more"):format(found - DESCRIBED)
  end
end

--- Names everything that is still alive and should not be: tasks other than the main one and the
--- caller and those alive in `before`; handles, timers and parked stacks above those counted there.
--- @param before table|nil a `snapshot()`; without it only tasks are looked at
--- @return string[] empty when nothing leaked
function M.leaks(before)
  local list = {}
  leaked_tasks(list, before and before.alive or {})
  if before then
    local now = M.snapshot()
    for _, kind in ipairs { "handles", "timers", "stacks" } do
      if now[kind] > before[kind] then
        list[#list + 1] = ("%d %s more than before"):format(now[kind] - before[kind], kind)
      end
    end
  end
  return list
end

return M
