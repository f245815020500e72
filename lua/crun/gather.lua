-- SPDX-License-Identifier: MIT
--
-- Several tasks together: gather, joinall, killall. All stand on core.wait_tasks, which watches a
-- list of Tasks and Futures until enough have ended or one has failed.

local core = require "crun.core"

local M = {}

local function is_awaitable(value)
  local kind = type(value) == "userdata" and getmetatable(value)
  return kind == "crun.Task" or kind == "crun.Future"
end

---Raises at the caller of gather, before anything is spawned, unless every item can be gathered.
---Returns whether there are lists among them.
local function check_items(items, n, path, level)
  local kind, wrong = core.classify(items, n)
  if not kind then
    error(("bad argument #%s%d to 'gather' (function, Task, Future or list expected, got %s)")
      :format(path, wrong, type(items[wrong])), level + 1)
  end
  if kind == "flat" then return false end
  for i = 1, n do
    local item = items[i]
    if core.classify({ item }, 1) == "nested" then
      check_items(item, #item, ("%s%d."):format(path, i), level + 1)
    end
  end
  return true
end

---Puts what is to be run into one list. Returns, for each item, its place there, or the like of a
---list.
local function flatten(items, n, flat)
  local shape = { n = n }
  for i = 1, n do
    local item = items[i]
    if core.classify({ item }, 1) == "nested" then
      shape[i] = flatten(item, #item, flat)
    else
      flat[#flat + 1] = item
      shape[i] = #flat
    end
  end
  return shape
end

local function arrange(shape, values)
  local results = {}
  for i = 1, shape.n do
    local place = shape[i]
    if type(place) == "table" then
      results[i] = arrange(place, values)
    else
      results[i] = values[place]
    end
  end
  return results
end

---Cancels all and waits until they have unwound, whatever happens to the caller meanwhile.
local function unwind(tasks, reason)
  for _, task in ipairs(tasks) do task:cancel(reason) end
  core.shield(core.wait_tasks, tasks, #tasks, false, nil, "gather")
end

---Waits for all, or the first failure: which cancels the others and is raised once they have
---unwound.
local function wait_all(tasks)
  local ok, err, failed = pcall(core.wait_tasks, tasks, #tasks, true, nil, "gather")
  if not ok then
    unwind(tasks, "the gathering task was cancelled")
    error(err, 0)
  elseif failed then
    unwind(tasks, "another task of the gather failed")
    error(tasks[failed]:exception(), 0)
  end
end

local function run_flat(items, n)
  local tasks = core.launch(items, n)
  wait_all(tasks)
  return core.first_results(tasks)
end

-- No tail call here: core.launch takes the place of the spawns from the frame that called gather.
local function run(items, n)
  local results
  if check_items(items, n, "", 3) then
    local flat = {}
    local shape = flatten(items, n, flat)
    results = arrange(shape, run_flat(flat, #flat))
  else
    results = run_flat(items, n)
  end
  return results
end

---Runs functions, waits for Tasks and Futures, all at once, and returns the first result of each in
---order.
---With one list it returns one list; lists may be nested. The first error, in time, cancels the
---others and is raised when they have unwound; cancelling the caller cancels all of them.
---May wait. Raises: the first error; a cancel.
---@param ... function|crun.Task|crun.Future|table
---@return any ...
function M.gather(...)
  local n = select("#", ...)
  local first = ...
  if n == 1 and type(first) == "table" and core.classify({ first }, 1) == "nested" then
    local list = run(first, #first)
    return list
  end
  local results = run({ ... }, n)
  return table.unpack(results, 1, n)
end

local known = { timeout = true, count = true, raise = true }

---What callers can get wrong beside the items, which core.wait_tasks looks at.
local function check_list(list, name)
  if type(list) ~= "table" then
    error(("bad argument #1 to '%s' (list of Tasks and Futures expected, got %s)")
      :format(name, type(list)), 3)
  end
end

local function check_timeout(timeout, name)
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    error(("bad timeout to '%s' (seconds or nil expected, got %s)")
      :format(name, tostring(timeout)), 3)
  end
end

local function check_options(options)
  for key in pairs(options) do
    if not known[key] then
      error(("unknown option '%s' to 'joinall'"):format(tostring(key)), 3)
    end
  end
  local count = options.count
  if count ~= nil and not (math.type(count) == "integer" and count >= 0) then
    error(("bad option 'count' to 'joinall' (integer >= 0 expected, got %s)")
      :format(tostring(count)), 3)
  end
end

---Waits until all tasks of a list have ended, however they ended.
---With options: `timeout` in seconds, `count` (the first so many are enough), `raise` (true: the
---error that came first in time is raised at once; the others go on).
---May wait.
---@param list (crun.Task|crun.Future)[]
---@param options? number|{timeout?: number, count?: integer, raise?: boolean} seconds, or options
---@return true? done, string? message, string? code "ETIMEDOUT"
function M.joinall(list, options)
  check_list(list, "joinall")
  if type(options) ~= "table" then options = { timeout = options } end
  check_options(options)
  check_timeout(options.timeout, "joinall")
  local ok, failed, code = core.wait_tasks(list, options.count or #list, options.raise or false,
    options.timeout, "joinall")
  if not ok then return nil, failed, code end
  if options.raise and failed then error(list[failed]:exception(), 0) end
  return true
end

---Cancels all tasks of a list and waits until they are over, their clean-up included.
---May wait.
---@param list (crun.Task|crun.Future)[]
---@param reason? any becomes the `reason` of the cancel errors
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function M.killall(list, reason, timeout)
  check_list(list, "killall")
  check_timeout(timeout, "killall")
  for i, task in ipairs(list) do
    if not is_awaitable(task) then
      error(("bad argument #1 to 'killall' (item %d of the list is no Task or Future but a %s)")
        :format(i, type(task)), 2)
    end
  end
  local others, current = {}, core.current()
  for _, task in ipairs(list) do
    task:cancel(reason)
    if task ~= current then others[#others + 1] = task end
  end
  local ok, message, code = core.wait_tasks(others, #others, false, timeout, "killall")
  if not ok then return nil, message, code end
  return true
end

return M
