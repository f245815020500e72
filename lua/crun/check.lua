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

---The same unless it is an object of that class, as which a method was called.
---@param value any
---@param class string as getmetatable tells it
---@param name string
function M.self(value, class, name)
  if getmetatable(value) == class then return end
  error(("calling '%s' on bad self (%s expected, got %s)"):format(name, class, type(value)), 3)
end

return M
