-- SPDX-License-Identifier: MIT
--
-- What the faces check of their arguments, so that misuse is raised at the caller's line.

local M = {}

---Whether the value can be called.
---@param value any
---@return boolean
function M.is_callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

---Whether it is a Task or a Future.
---@param value any
---@return boolean
function M.is_awaitable(value)
  local kind = type(value) == "userdata" and getmetatable(value)
  return kind == "crun.Task" or kind == "crun.Future"
end

---Raises, at the level of whoever called the calling function, unless the value can be called.
---@param value any
---@param place integer of the argument
---@param name string the calling function's
---@param expected? string
function M.callable(value, place, name, expected)
  if M.is_callable(value) then return end
  error(("bad argument #%d to '%s' (%s expected, got %s)")
    :format(place, name, expected or "function", type(value)), 3)
end

---The same unless it is a number of seconds.
---@param value any
---@param place integer
---@param name string
function M.seconds(value, place, name)
  if type(value) == "number" and value == value then return end
  error(("bad argument #%d to '%s' (seconds expected, got %s)")
    :format(place, name, tostring(value)), 3)
end

local function fits(value, kind)
  if kind == "integer" then return math.type(value) == "integer" and value >= 1 end
  if kind == "count" then return math.type(value) == "integer" and value >= 0 end
  if kind == "seconds" then return type(value) == "number" and value >= 0 end
  if kind == "function" then return M.is_callable(value) end
  return type(value) == kind
end

local WORDS = { integer = "integer >= 1", count = "integer >= 0", seconds = "seconds >= 0" }

---Raises, at the line of the script, unless the value is nil or a table of options: with names that
---are known, and values as they have to be.
---@param options any
---@param known table<string, string> by name: a type, or "integer" from 1 on, "count" from 0 on,
---  "seconds"
---@param place integer of the argument
---@param name string the function's
function M.options(options, known, place, name)
  if options == nil then return end
  local function bad(text, ...)
    require "crun.link.blame"(("bad argument #%d to '%s' (%s)")
      :format(place, name, text:format(...)))
  end
  if type(options) ~= "table" then bad("table of options expected, got %s", type(options)) end
  for key, value in pairs(options) do
    local kind = known[key]
    if not kind then bad("unknown option '%s'", tostring(key)) end
    if not fits(value, kind) then
      local got = type(value) == "number" and tostring(value) or type(value)
      bad("option '%s': %s expected, got %s", key, WORDS[kind] or kind, got)
    end
  end
end

---Raises, at the line of the script, unless nothing, or nil, follows the last argument.
---@param place integer of what follows
---@param name string the function's
---@param extra any
function M.no_more(place, name, extra)
  if extra == nil then return end
  require "crun.link.blame"(("bad argument #%d to '%s' (nothing expected there, got %s)")
    :format(place, name, type(extra)))
end

---Raises unless it is an object of that class, as which a method was called.
---@param value any
---@param class string as getmetatable tells it
---@param name string
function M.self(value, class, name)
  if getmetatable(value) == class then return end
  error(("calling '%s' on bad self (%s expected, got %s)"):format(name, class, type(value)), 3)
end

return M
