-- SPDX-License-Identifier: MIT
--
-- What the faces check of their arguments, so that misuse is raised at the caller's line.

local M = {}

---Raises, at the level of whoever called the calling function, unless the value can be called.
---@param value any
---@param place integer of the argument
---@param name string the calling function's
---@param expected? string
function M.callable(value, place, name, expected)
  local meta = getmetatable(value)
  if type(value) == "function" or type(meta) == "table" and meta.__call then return end
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

return M
