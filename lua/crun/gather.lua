-- SPDX-License-Identifier: MIT
--
-- gather: all of several functions, Tasks and Futures at once, and race: the first of them.

local core = require "crun.core"

local M = {}

local OPTION = "return_exceptions"

---Raises at the caller of gather for a key beside the items that is no option. An array's other
---keys come after its last item.
local function check_keys(items, n, path, level)
  local key = next(items, n > 0 and n or nil)
  if key == nil then return end
  for name in pairs(items) do
    if type(name) == "string" and (path ~= "" or name ~= OPTION) then
      error(("unknown option '%s' to 'gather'%s"):format(name,
        name == OPTION and ": it belongs to the outermost list" or ""), level + 1)
    end
  end
end

---Raises at the caller of gather, before anything is spawned, unless every item can be gathered.
---Returns whether there are lists among them.
local function check_items(items, n, path, level)
  local kind, wrong, what = core.classify(items, n)
  if not kind then
    error(("bad argument #%s%d to 'gather' (function, Task, Future or list expected, got %s)")
      :format(path, wrong, what), level + 1)
  end
  if kind == "flat" then return false end
  for i = 1, n do
    local item = items[i]
    if core.classify({ item }, 1) == "nested" then
      check_keys(item, #item, ("%s%d."):format(path, i), level + 1)
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

---Cancels all and waits until they have unwound, whatever happens to the caller meanwhile. The
---level is that of who called gather or race, seen from the caller of this.
local function unwind(tasks, cause, name, level)
  core.cancel_each(tasks, cause, level + 1)
  core.outlast(tasks, name)
end

---Waits for so many, or with `stop` for the first failure. A cancel of the caller cancels all.
---Returns what core.wait_tasks does.
local function await(tasks, count, stop, name, level)
  local ok, err, failed, first = pcall(core.wait_tasks, tasks, count, stop, nil, name)
  if not ok then
    unwind(tasks, err, name, level + 1)
    error(err, 0)
  end
  return failed, first
end

---Returns the results; or, to collect them, those and the errors.
local function run_flat(items, n, collect)
  local tasks = core.launch(items, n, 3)
  local failed = await(tasks, n, not collect, "gather", 3)
  if collect then return core.outcomes(tasks) end
  if failed then
    unwind(tasks, core.describe(tasks[failed]) .. " failed", "gather", 3)
    error(tasks[failed]:exception(), 0)
  end
  return core.first_results(tasks)
end

-- No tail call here: core.launch takes the place of the spawns from the frame that called gather.
local function run(items, n, collect)
  local results, errors
  if check_items(items, n, "", 3) then
    local flat = {}
    local shape = flatten(items, n, flat)
    results, errors = run_flat(flat, #flat, collect)
    results = arrange(shape, results)
    errors = errors and arrange(shape, errors)
  else
    results, errors = run_flat(items, n, collect)
  end
  return results, errors
end

local function run_list(list)
  check_keys(list, #list, "", 3)
  local collect = list[OPTION]
  if collect ~= nil and type(collect) ~= "boolean" then
    error(("bad option '%s' to 'gather' (boolean expected, got %s)")
      :format(OPTION, type(collect)), 3)
  end
  return collect
end

---Runs functions, waits for Tasks and Futures, all at once, and returns the first result of each in
---order.
---With one list it returns one list; lists may be nested. The first error, in time, cancels the
---others and is raised when they have unwound; cancelling the caller cancels all of them.
---A list with `return_exceptions = true` collects: no error is raised or cancels anything, each
---stands in its place among the results, and a second list has the errors alone.
---May wait. Raises: the first error; a cancel.
---@param ... function|crun.Task|crun.Future|table
---@return any ...
function M.gather(...)
  local n = select("#", ...)
  local first = ...
  if n == 1 and type(first) == "table" and core.classify({ first }, 1) == "nested" then
    local collect = run_list(first)
    local list, errors = run(first, #first, collect)
    if collect then return list, errors end
    return list
  end
  local results = run({ ... }, n, false)
  return table.unpack(results, 1, n)
end

---Raises at the caller of race unless these can race.
local function check_racers(items, n)
  local kind, wrong, what = core.classify(items, n)
  if kind == "nested" then
    wrong, what = 1, "table"
    while core.classify({ items[wrong] }, 1) ~= "nested" do wrong = wrong + 1 end
  elseif n == 0 then
    wrong, what = 1, "nothing"
  end
  if wrong then
    error(("bad argument #%d to 'race' (function, Task or Future expected, got %s)")
      :format(wrong, what), 3)
  end
end

---Runs functions, waits for Tasks and Futures, all at once, until the first of them ends. The
---others are cancelled, and once they have unwound its results are returned, or its error raised.
---Of several that end together the one that ended first counts. Cancelling the caller cancels all.
---May wait. Raises: the error of the one that ended first; a cancel.
---@param ... function|crun.Task|crun.Future|table these, or one list of them
---@return any ...
function M.race(...)
  local items, n = { ... }, select("#", ...)
  if n == 1 and type(items[1]) == "table" and core.classify(items, 1) == "nested" then
    items = items[1]
    n = #items
  end
  check_racers(items, n)
  local tasks = core.launch(items, n, 1)
  local _, first = await(tasks, 1, false, "race", 1)
  local winner = tasks[first]
  unwind(tasks, ("the race is over: %s ended first"):format(core.describe(winner)), "race", 1)
  return winner:get()
end

return M
