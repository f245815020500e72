-- SPDX-License-Identifier: MIT
--
-- Waiting for several Tasks and Futures: wait, as_completed, joinall, killall. All stand on
-- watches, see core.wait_tasks and core.completion; none raises what the tasks themselves raise,
-- unless asked to.

local check = require "crun.check"
local core = require "crun.core"

local M = {}

---A copy of a list, which its owner may change while somebody waits.
local function copy(list, name)
  if type(list) ~= "table" then
    error(("bad argument #1 to '%s' (list of Tasks and Futures expected, got %s)")
      :format(name, type(list)), 3)
  end
  return core.copy_list(list)
end

local function check_timeout(timeout, name, level)
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    error(("bad timeout to '%s' (seconds or nil expected, got %s)")
      :format(name, tostring(timeout)), level + 1)
  end
end

---A table of options, also where only a timeout was given.
local function check_options(options, known, name)
  if type(options) ~= "table" then options = { timeout = options } end
  for key in pairs(options) do
    if not known[key] then
      error(("unknown option '%s' to '%s'"):format(tostring(key), name), 3)
    end
  end
  local count = options.count
  if count ~= nil and not (math.type(count) == "integer" and count >= 0) then
    error(("bad option 'count' to '%s' (integer >= 0 expected, got %s)")
      :format(name, tostring(count)), 3)
  end
  check_timeout(options.timeout, name, 3)
  return options
end

local WHEN = { all = true, first = true, error = true }
local WAIT = { when = true, count = true, timeout = true }

local function check_when(options)
  local when = options.when == nil and "all" or options.when
  if not WHEN[when] then
    error(("bad option 'when' to 'wait' (\"all\", \"first\" or \"error\" expected, got %s)")
      :format(tostring(when)), 3)
  elseif when == "first" and options.count ~= nil then
    error("option 'count' to 'wait' does not go with when = \"first\"", 3)
  end
  return when
end

---Waits until all of a list have ended, however they end: it raises nothing of theirs.
---With options: `when` they have ended, "all" (the default), "first" one of them, or "error": the
---first that fails or is cancelled, else all; `count`: that many are enough; `timeout`: seconds.
---Both lists it returns are in the order of the argument. Nothing happens to the pending ones.
---May wait. Raises: a cancel.
---@param list (crun.Task|crun.Future)[]
---@param options? number|{when?: "all"|"first"|"error", count?: integer, timeout?: number}
---@return (crun.Task|crun.Future)[] done, (crun.Task|crun.Future)[] pending
function M.wait(list, options)
  list = copy(list, "wait")
  options = check_options(options, WAIT, "wait")
  local when = check_when(options)
  local count = when == "first" and 1 or options.count or #list
  core.wait_tasks(list, count, when == "error", options.timeout, "wait")
  return core.partition(list)
end

---`for task in crun.as_completed(list [, seconds]) do`: the Tasks and Futures of a list, each as
---soon as it has ended, in the order of their ends. When the seconds, counted from this call, are
---over, the loop raises "ETIMEDOUT: ...". A loop that is left leaves nothing behind.
---The loop waits in each step. Raises: the timeout; a cancel.
---@param list (crun.Task|crun.Future)[]
---@param timeout? number seconds for the whole loop
---@return fun(): crun.Task|crun.Future|nil next, nil, nil, any closing
function M.as_completed(list, timeout)
  list = copy(list, "as_completed")
  check_timeout(timeout, "as_completed", 2)
  local completion, state, control, closing = core.completion(list, timeout, "as_completed")
  return completion, state, control, closing
end

local JOINALL = { timeout = true, count = true, raise = true }

---Waits until all tasks of a list have ended, however they ended.
---With options: `timeout` in seconds, `count` (the first so many are enough), `raise` (true: the
---error that came first in time is raised at once; the others go on).
---May wait.
---@param list (crun.Task|crun.Future)[]
---@param options? number|{timeout?: number, count?: integer, raise?: boolean} seconds, or options
---@return true? done, string? message, string? code "ETIMEDOUT"
function M.joinall(list, options)
  list = copy(list, "joinall")
  options = check_options(options, JOINALL, "joinall")
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
  list = copy(list, "killall")
  check_timeout(timeout, "killall", 2)
  for i, task in ipairs(list) do
    if not check.is_awaitable(task) then
      error(("bad argument #1 to 'killall' (item %d of the list is no Task or Future but a %s)")
        :format(i, type(task)), 2)
    end
  end
  core.cancel_each(list, reason, 1)
  local others, current = {}, core.current()
  for _, task in ipairs(list) do
    if task ~= current then others[#others + 1] = task end
  end
  local ok, message, code = core.wait_tasks(others, #others, false, timeout, "killall")
  if not ok then return nil, message, code end
  return true
end

return M
