-- SPDX-License-Identifier: MIT
--
-- Table syntax for what a Manager makes, at the owner and through proxies alike: what indexing,
-- assigning, `#` and pairs mean, said by the class's methods.

local blame = require "crun.link.blame"

local M = {}

---A name that is a method cannot be used as a key by indexing.
local function refuse(name)
  blame(("'%s' is a method: use set(\"%s\", ...)"):format(name, name))
end

---Each pair of a copy, made when the loop begins.
local function pairs_of(methods)
  return function(self) return next, methods.copy(self), nil end
end

---In the order of their places, also where there is a nil.
local function places_of(methods)
  return function(self)
    local copy, n = methods.copy(self), methods.len(self)
    return function(_, i)
      if i < n then return i + 1, copy[i + 1] end
    end, copy, 0
  end
end

---@param methods table
---@param meta table
function M.Dict(methods, meta)
  function meta.__index(self, key)
    if methods[key] then return methods[key] end
    return methods.get(self, key)
  end
  function meta.__newindex(self, key, value)
    if methods[key] then refuse(key) end
    methods.set(self, key, value)
  end
  meta.__len, meta.__pairs = methods.len, pairs_of(methods)
end

function M.List(methods, meta)
  function meta.__index(self, key)
    if methods[key] then return methods[key] end
    return methods.get(self, key)
  end
  function meta.__newindex(self, key, value) methods.set(self, key, value) end
  meta.__len, meta.__pairs = methods.len, places_of(methods)
end

function M.Namespace(methods, meta)
  meta.__index, meta.__newindex = methods.get, methods.set
  meta.__len, meta.__pairs = methods.len, pairs_of(methods)
end

function M.Value(methods, meta)
  local function refuse_field(_, key)
    blame(("a Value has no field '%s': use get and set"):format(tostring(key)))
  end
  function meta.__index(self, key) return methods[key] or refuse_field(self, key) end
  meta.__newindex = refuse_field
end

return M
