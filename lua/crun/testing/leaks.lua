-- SPDX-License-Identifier: MIT

--- What a test has left behind.
local core = require "crun.core"
local crun = require "crun"

local M = {}

--- Seconds that the tasks left behind may take for their clean-ups.
local PATIENCE = 1

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
  return ("%s at %s"):format((tostring(task):gsub("^crun.Task: ", "")), (where:gsub("^%s+", "")))
end

--- How many leaked tasks are described; the others are only counted.
local DESCRIBED = 10

--- Describes the live tasks other than the main one, the caller, and those in `alive`.
--- @param alive table<crun.Task, true>
--- @return string[]
function M.tasks(alive)
  local list, current, found = {}, crun.current(), 0
  for _, task in ipairs(crun.tasks()) do
    if task ~= current and task.id ~= 1 and not alive[task] then
      found = found + 1
      if found <= DESCRIBED then list[#list + 1] = describe_task(task) end
    end
  end
  if found > DESCRIBED then
    list[#list + 1] = ("and %d tasks more"):format(found - DESCRIBED)
  end
  return list
end

--- Names everything that is still alive and should not be: tasks other than the main one and the
--- caller and those alive in `before`; handles, timers and parked stacks above those counted there.
--- Switches: only with `turns`.
--- @param before table|nil a `snapshot()`; without it only tasks are looked at
--- @param turns integer|nil how often to yield while there is something left, since closing a
---   handle or ending a task takes some turns; nil is 0
--- @return string[] empty when nothing leaked
function M.leaks(before, turns)
  local list = M.tasks(before and before.alive or {})
  if before then
    local now = M.snapshot()
    for _, kind in ipairs { "handles", "timers", "stacks" } do
      if now[kind] > before[kind] then
        list[#list + 1] = ("%d %s more than before"):format(now[kind] - before[kind], kind)
      end
    end
  end
  if #list == 0 or (turns or 0) <= 0 then return list end
  crun.yield()
  return M.leaks(before, turns - 1)
end

--- Cancels the tasks that are alive now and were not in `before`, other than the main one and the
--- caller, and waits until they have ended.
--- @param before table|nil a `snapshot()`; without it all tasks
--- @param patience number|nil how many seconds at most; nil is 1
--- @return boolean|nil ended, string|nil message, string|nil code true, or what `killall` returns
function M.end_tasks(before, patience)
  local alive, left = before and before.alive or {}, {}
  for _, task in ipairs(crun.tasks()) do
    if task.id ~= 1 and task ~= crun.current() and not alive[task] then left[#left + 1] = task end
  end
  return #left == 0 or crun.killall(left, "left over by a test", patience or PATIENCE)
end

return M
