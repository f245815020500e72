-- SPDX-License-Identifier: MIT
--
-- What a Supervisor is told: its options and its workers', checked, with the policy of each worker
-- made whole.

local blame = require "crun.link.blame"
local check = require "crun.check"

local M = {}

---How a worker is kept alive. Given to the Supervisor it holds for all workers that do not say
---otherwise.
---@class crun.Supervisor.Policy
---@field restart? "always"|"on-failure"|"never" after which ends; "always" by default
---@field backoff? number seconds before the first restart in a row; each further one doubles it
---@field backoff_max? number seconds that it comes to at most
---@field healthy? number seconds of life after which the row begins anew
---@field max_restarts? integer|false restarts of one worker within the period before giving up
---@field period? number seconds
---@field shutdown? number seconds that an end may take before the worker is killed

local DEFAULTS = {
  restart = "always",
  backoff = 0.1,
  backoff_max = 30,
  healthy = 10,
  max_restarts = 5,
  period = 10,
  shutdown = 5,
}

local RESTARTS = { ["always"] = true, ["on-failure"] = true, ["never"] = true }
local PLACES = { processes = true, threads = true, tasks = true }

local OF_ALL = { name = true, on = true, on_event = true, together = true }
local OF_WORKER = {
  name = true, on = true, target = true, args = true, make = true, count = true,
}

---Raises where Supervisor, or the method of that name, was called.
---@param where string
---@param text string
---@param ... any for text's format
function M.refuse(where, text, ...)
  blame(("bad argument #1 to '%s' (%s)"):format(where, text:format(...)))
end
local refuse = M.refuse

local function is_count(value, least)
  return math.type(value) == "integer" and value >= least
end

local function is_seconds(value)
  return type(value) == "number" and value >= 0
end

local function is_text(value)
  return type(value) == "string"
end

local CHECKS = {
  restart = { function(v) return RESTARTS[v] end, '"always", "on-failure" or "never"' },
  backoff = { is_seconds, "seconds" },
  backoff_max = { is_seconds, "seconds" },
  healthy = { is_seconds, "seconds" },
  max_restarts = { function(v) return v == false or is_count(v, 0) end, "an integer or false" },
  period = { is_seconds, "seconds" },
  shutdown = { is_seconds, "seconds" },
  name = { is_text, "string" },
  together = { function(v) return type(v) == "boolean" end, "boolean" },
  on = { function(v) return PLACES[v] end, '"processes", "threads" or "tasks"' },
  on_event = { check.is_callable, "function" },
  target = { check.is_callable, "function" },
  make = { check.is_callable, "function" },
  args = { function(v) return type(v) == "table" end, "list of arguments" },
  count = { function(v) return is_count(v, 1) end, "an integer >= 1" },
}

local function check_option(where, whose, key, value)
  local is_valid, expected = table.unpack(CHECKS[key])
  if is_valid(value) then return end
  local got = type(value) == "string" and ("'%s'"):format(value) or tostring(value)
  refuse(where, "%soption '%s': %s expected, got %s", whose, key, expected, got)
end

---Checks every option that is no number in a list; whose: words that say in what.
local function check_options(where, whose, options, known)
  for key, value in pairs(options) do
    if math.type(key) ~= "integer" then
      if not known[key] and DEFAULTS[key] == nil then
        refuse(where, "%sunknown option '%s'", whose, tostring(key))
      end
      check_option(where, whose, key, value)
    end
  end
end

local function policy_of(options, base)
  local policy = {}
  for key in pairs(DEFAULTS) do
    local value = options[key]
    if value == nil then value = base[key] end
    policy[key] = value
  end
  return policy
end

---A worker may be told as a function alone, or with the function at 1.
local function normal(where, whose, entry)
  if check.is_callable(entry) then return { target = entry } end
  if type(entry) ~= "table" then
    refuse(where, "%sfunction or table expected, got %s", whose, type(entry))
  end
  local options = {}
  for key, value in pairs(entry) do
    if key == 1 and entry.target == nil then
      key = "target"
    elseif math.type(key) == "integer" then
      refuse(where, "%sone function expected, got %d: arguments go into 'args'", whose, #entry)
    end
    options[key] = value
  end
  check_options(where, whose, options, OF_WORKER)
  if (options.target == nil) == (options.make == nil) then
    refuse(where, "%seither 'target' or 'make' expected", whose)
  end
  return options
end

---@class crun.Supervisor.Spec
---@field name string
---@field make? fun(name: string): any
---@field target? function
---@field args table
---@field on string
---@field count integer
---@field policy crun.Supervisor.Policy

---One worker's specification. number: which one it is, for its name.
---@return crun.Supervisor.Spec
function M.worker(where, entry, number, all)
  local whose = ("worker %d: "):format(number)
  local options = normal(where, whose, entry)
  local name = options.name or ("worker-%d"):format(number)
  return {
    name = name,
    target = options.target,
    args = options.args or {},
    make = options.make,
    on = options.on or all.on or "processes",
    count = options.count or 1,
    policy = policy_of(options, all.policy),
  }
end

---What Supervisor was called with -> what holds for all, the list of specifications.
function M.supervisor(options)
  if type(options) ~= "table" then
    refuse("Supervisor", "table expected, got %s", type(options))
  end
  check_options("Supervisor", "", options, OF_ALL)
  local all = {
    name = options.name or "Supervisor", on = options.on, on_event = options.on_event,
    together = options.together, policy = policy_of(options, DEFAULTS),
  }
  local count, specs = 0, {}
  for key in pairs(options) do
    if math.type(key) == "integer" then count = count + 1 end
  end
  if count == 0 then refuse("Supervisor", "a list of workers expected") end
  for i = 1, count do specs[i] = M.worker("Supervisor", options[i], i, all) end
  return all, specs
end

return M
