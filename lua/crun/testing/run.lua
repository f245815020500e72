-- SPDX-License-Identifier: MIT

--- Runs a test's body as a task, on the virtual clock, under one schedule or under many.
local check = require "crun.check"
local core = require "crun.core"
local crun = require "crun"
local leaks = require "crun.testing.leaks"

local M = {}

--- Seconds on the test's clock that a body may take.
local LIMIT = 60

--- Seconds of the machine's clock for which a task may hold the hub without being reported.
local WATCHDOG = 1

--- Turns that what has just ended gets for going.
local TURNS = 8

local CHECKS = {
  clock = function(v) return v == "virtual" or v == "real", "\"virtual\" or \"real\"" end,
  leaks = function(v) return type(v) == "boolean", "boolean" end,
  limit = function(v) return v == false or type(v) == "number" and v >= 0, "seconds or false" end,
  n = function(v) return math.type(v) == "integer" and v > 0, "integer above 0" end,
  seed = function(v) return math.type(v) == "integer", "integer" end,
}

-- Refuses what is no function, no option, or no value for one, at the caller's caller.
local function check_arguments(name, fn, options, known)
  local function refuse(place, ...)
    error(("bad argument #%d to '%s' (%s)"):format(place, name, string.format(...)), 4)
  end
  if not check.is_callable(fn) then
    refuse(1, "function expected, got %s", type(fn))
  end
  if options ~= nil and type(options) ~= "table" then
    refuse(2, "table expected, got %s", type(options))
  end
  for key, value in pairs(options or {}) do
    if not known[key] then refuse(2, "unknown option '%s'", tostring(key)) end
    local fine, expected = CHECKS[key](value)
    if not fine then
      refuse(2, "option '%s': %s expected, got %s", key, expected, tostring(value))
    end
  end
end

local function environment_seed()
  return math.tointeger(tonumber(os.getenv("CRUN_SEED") or ""))
end

-- A test that computes for long is told of, unless the watchdog is on already.
local function watch()
  local before = crun.watchdog(WATCHDOG)
  if before then crun.watchdog(before) end
  return setmetatable({}, { __close = function() crun.watchdog(before) end })
end

-- Sets clock, schedule and the collecting of failures; closing it ends what the test left and sets
-- everything back.
local function stage(options, failures)
  local before = leaks.snapshot()
  local on_error = crun.on_error
  local clock = core.clock(options.clock or "virtual")
  local schedule = core.schedule(options.seed or environment_seed() or 0)
  crun.on_error = function(task, err, traceback)
    local who = tostring(task):match("^crun.Task: (.-) %(")
    failures[#failures + 1] = ("%s failed: %s\n%s"):format(who, tostring(err), traceback)
  end
  return setmetatable({ before = before }, { __close = function()
    crun.shield(leaks.end_tasks, before)
    core.schedule(schedule)
    core.clock(clock)
    crun.on_error = on_error
  end })
end

-- What is wrong though the body has returned or cannot be waited for any longer; nil if nothing.
local function complaint(ended, failures, options, before)
  if not ended then
    return ("still running after %g s: %s\n%s"):format(options.limit or LIMIT,
      table.concat(leaks.tasks(before.alive), "; "), crun.dump_string())
  end
  if failures[1] then return failures[1] end
  local left = options.leaks == false and {} or leaks.leaks(before, TURNS)
  if left[1] then return "left behind: " .. table.concat(left, "; ") end
end

-- Returns: the task, and what is wrong apart from an error of its own.
local function attempt(fn, options, ...)
  local failures = {}
  local _ <close> = watch()
  local staged <close> = stage(options, failures)
  local task = crun.spawn(fn, ...)
  task.name = "test"
  local limit = options.limit
  if limit == nil then limit = LIMIT end
  local ended = task:join(limit or nil)
  if ended and task:status() ~= "returned" then return task end
  return task, complaint(ended, failures, options, staged.before)
end

---@class crun.testing.Options
---@field clock "virtual"|"real"|nil "real" for tests of I/O; nil is "virtual"
---@field seed integer|nil of the schedule; nil is CRUN_SEED's, or first in, first out
---@field limit number|false|nil seconds on that clock; nil is 60, false is none
---@field leaks boolean|nil false: nobody looks for what is left

---@class crun.testing.Schedules: crun.testing.Options
---@field n integer|nil how many; nil is 200
---@field seed integer|nil the first; nil is 1

local RUN = { clock = true, leaks = true, limit = true, seed = true }

local function run(fn, options, ...)
  local task, wrong = attempt(fn, options or {}, ...)
  if wrong then error(wrong, 0) end
  return task:get()
end

--- Runs `fn(...)` in a task of its own and returns its results, or raises its error, the same
--- object. The task and all that it spawns run on the virtual clock, and in the order that a seed
--- draws if one is given. It is an error, too, when a task fails and nobody looks at it, when `fn`
--- takes longer than the limit, and when tasks, timers or handles are left; tasks left are
--- cancelled. Clock, schedule and `crun.on_error` are then as they were before.
--- Switches: yes.
--- @param fn function
--- @param options crun.testing.Options|nil
--- @param ... any for `fn`
--- @return any ...
function M.run(fn, options, ...)
  check_arguments("run", fn, options, RUN)
  return run(fn, options, ...)
end

--- A function that runs `fn` as `run` does with these options, for test frameworks.
--- @param fn function
--- @param options crun.testing.Options|nil
--- @return function
function M.async(fn, options)
  check_arguments("async", fn, options, RUN)
  return function(...) return run(fn, options, ...) end
end

--- busted's `it` (or `before_each` and the like without a title) whose bodies are run as by `run`:
--- `local it = testing.busted(it)`.
--- @param it function called with a title and a function
--- @param options crun.testing.Options|nil
--- @return fun(title: string, body: function): any
function M.busted(it, options)
  check_arguments("busted", it, options, RUN)
  return function(title, body, ...)
    return it(title, body and M.async(body, options), ...)
  end
end

-- --- many schedules -----------------------------------------------------------------------------

local function quoted(word)
  return word:find("^[%w_./:=+@%%-]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

-- The command line that runs this program again under a seed.
local function replay(seed)
  local words = { "CRUN_SEED=" .. seed }
  local command = _G.arg
  if type(command) == "table" and command[0] then
    local lowest = 0
    while command[lowest - 1] do lowest = lowest - 1 end
    for i = lowest, #command do words[#words + 1] = quoted(tostring(command[i])) end
  end
  return table.concat(words, " ")
end

local SCHEDULES = { clock = true, leaks = true, limit = true, n = true, seed = true }

--- Runs `fn(seed)` as `run` does under `n` schedules, one after another, and raises at the first
--- that fails: the seed, the error with its traceback, and the command that replays it. With
--- CRUN_SEED set, only that seed is run. `math.random` is seeded, too.
--- Switches: yes.
--- @param fn fun(seed: integer)
--- @param options crun.testing.Schedules|nil
--- @return integer count how many schedules were run
function M.schedules(fn, options)
  check_arguments("schedules", fn, options, SCHEDULES)
  options = options or {}
  local only = environment_seed()
  local first, n = only or options.seed or 1, only and 1 or options.n or 200
  local _ <close> = watch()
  for seed = first, first + n - 1 do
    math.randomseed(seed)
    local task, wrong = attempt(fn, {
      clock = options.clock, leaks = options.leaks, limit = options.limit, seed = seed,
    }, seed)
    if not wrong and task:status() ~= "returned" then
      -- Where it was spawned is always the same line here.
      local traceback = task:traceback():gsub("\nspawned at [^\n]*$", "")
      wrong = ("%s\n%s"):format(tostring(task:exception()), traceback)
    end
    if wrong then
      error(("seed %d fails (%d to %d were asked for): %s\nreplay: %s")
        :format(seed, first, first + n - 1, wrong, replay(seed)), 0)
    end
  end
  return n
end

return M
