-- SPDX-License-Identifier: MIT

local blame = require "crun.link.blame"
local core = require "crun.core"

local function name_of(value)
  local state, meta = core.remote.state(value), getmetatable(value)
  if state then return "crun." .. state.kind end
  return type(value) == "userdata" and type(meta) == "string" and meta or type(value)
end

---Raises, at the caller of a method of shared objects, that it was called on something else.
---@param value any
---@param kind string
---@param name string the method's
return function(value, kind, name)
  blame(("calling '%s' on bad self (crun.%s expected, got %s)")
    :format(name, kind, name_of(value)))
end
