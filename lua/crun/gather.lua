-- SPDX-License-Identifier: MIT
--
-- Several tasks together: gather, joinall, killall. All stand on core.wait_tasks, which watches a list of
-- tasks until enough have ended or one has failed.

local core = require "crun.core"

local M = {}

local function is_task(value)
  local mt = getmetatable(value)
  return type(value) == "userdata" and mt == "crun.Task"
end

local function is_callable(value)
  if type(value) == "function" then return true end
  if is_task(value) or type(value) == "string" then return false end
  local mt = getmetatable(value)
  return type(mt) == "table" and mt.__call ~= nil
end

---Raises unless every item can be gathered, before anything is spawned.
local function check_items(items, n, path)
  for i = 1, n do
    local item = items[i]
    local place = path .. i
    if type(item) == "table" and not is_callable(item) then
      check_items(item, #item, place .. ".")
    elseif not is_task(item) and not is_callable(item) then
      error(("bad argument #%s to 'gather' (function, Task or list expected, got %s)")
        :format(place, type(item)), 4)
    end
  end
end

---Spawns what is a function; flattens into `tasks`. Returns the tree of results to be filled.
local function start(items, n, tasks)
  local shape = { n = n }
  for i = 1, n do
    local item = items[i]
    if is_task(item) then
      tasks[#tasks + 1] = item
      shape[i] = #tasks
    elseif is_callable(item) then
      tasks[#tasks + 1] = core.spawn(item)
      shape[i] = #tasks
    else
      shape[i] = start(item, #item, tasks)
    end
  end
  return shape
end

local function collect(shape, tasks)
  local results = {}
  for i = 1, shape.n do
    local place = shape[i]
    if type(place) == "table" then
      results[i] = collect(place, tasks)
    else
      results[i] = tasks[place]:result()
    end
  end
  return results
end

---Cancels all and waits until they have unwound, whatever happens to the caller meanwhile.
local function unwind(tasks, reason)
  for _, task in ipairs(tasks) do task:cancel(reason) end
  core.shield(core.wait_tasks, tasks, #tasks, false)
end

---Waits for all, or the first failure: which cancels the others and is raised once they have unwound.
local function wait_all(tasks)
  local ok, err, failed = pcall(core.wait_tasks, tasks, #tasks, true)
  if not ok then
    unwind(tasks, "the gathering task was cancelled")
    error(err, 0)
  elseif failed then
    unwind(tasks, "another task of the gather failed")
    error(tasks[failed]:exception(), 0)
  end
end

local function run(items, n)
  check_items(items, n, "")
  local tasks = {}
  local shape = start(items, n, tasks)
  wait_all(tasks)
  return collect(shape, tasks)
end

---Runs functions and waits for tasks, all at once, and returns the first result of each in order.
---With one list it returns one list; lists may be nested. The first error, in time, cancels the others
---and is raised when they have unwound; cancelling the caller cancels all of them.
---May wait. Raises: the first error; a cancel.
---@param ... function|crun.Task|table
---@return any ...
function M.gather(...)
  local n = select("#", ...)
  local first = ...
  if n == 1 and type(first) == "table" and not is_callable(first) then
    return run(first, #first)
  end
  return table.unpack(run({ ... }, n), 1, n)
end

local known = { timeout = true, count = true, raise = true }

---Raises for whatever is not a list of tasks.
local function check_tasks(list, name)
  if type(list) ~= "table" then
    error(("bad argument #1 to '%s' (list of Tasks expected, got %s)"):format(name, type(list)), 3)
  end
  for i = 1, #list do
    if not is_task(list[i]) then
      error(("bad argument #1 to '%s' (item %d is no Task but a %s)"):format(name, i, type(list[i])), 3)
    end
  end
end

local function join_options(options)
  if type(options) ~= "table" then return { timeout = options } end
  for key in pairs(options) do
    if not known[key] then error(("unknown option '%s' to 'joinall'"):format(tostring(key)), 3) end
  end
  return options
end

---Waits until all tasks of a list have ended, however they ended.
---With options: `timeout` in seconds, `count` (the first so many are enough), `raise` (true: the error
---that came first in time is raised at once; the others go on).
---May wait.
---@param list crun.Task[]
---@param options? number|{timeout?: number, count?: integer, raise?: boolean} seconds, or options
---@return true? done, string? message, string? code "ETIMEDOUT"
function M.joinall(list, options)
  check_tasks(list, "joinall")
  options = join_options(options)
  local ok, failed, code = core.wait_tasks(list, options.count or #list, options.raise or false,
    options.timeout)
  if not ok then return nil, failed, code end
  if options.raise and failed then error(list[failed]:exception(), 0) end
  return true
end

---Cancels all tasks of a list and waits until they are over, their clean-up included.
---May wait.
---@param list crun.Task[]
---@param reason? any becomes the `reason` of the cancel errors
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function M.killall(list, reason, timeout)
  check_tasks(list, "killall")
  local others = {}
  for _, task in ipairs(list) do
    task:cancel(reason)
    if task ~= core.current() then others[#others + 1] = task end
  end
  local ok, message, code = core.wait_tasks(others, #others, false, timeout)
  if not ok then return nil, message, code end
  return true
end

return M
