-- SPDX-License-Identifier: MIT

--- The metamethods of the language as places to wait in; see spec/support/entries.lua.
local M = {}

--- An empty table with these metamethods.
function M.object(metamethods)
  return setmetatable({}, metamethods)
end

local object = M.object

local BINARY = {
  { "__add", function(a, b) return a + b end },
  { "__sub", function(a, b) return a - b end },
  { "__mul", function(a, b) return a * b end },
  { "__div", function(a, b) return a / b end },
  { "__mod", function(a, b) return a % b end },
  { "__pow", function(a, b) return a ^ b end },
  { "__idiv", function(a, b) return a // b end },
  { "__band", function(a, b) return a & b end },
  { "__bor", function(a, b) return a | b end },
  { "__bxor", function(a, b) return a ~ b end },
  { "__shl", function(a, b) return a << b end },
  { "__shr", function(a, b) return a >> b end },
  { "__concat", function(a, b) return a .. b end },
}

local COMPARISON = {
  { "__eq", function(a, b) return a == b end },
  { "__lt", function(a, b) return a < b end },
  { "__le", function(a, b) return a <= b end },
}

local function add_binary(add)
  for _, pair in ipairs(BINARY) do
    local event, operate = pair[1], pair[2]
    add(event, "value", function(callback)
      return operate(object { [event] = function() return callback() end }, 1)
    end)
    add(event .. " of the second operand", "value", function(callback)
      return operate(1, object { [event] = function() return callback() end })
    end)
  end
end

local function add_comparison(add)
  for _, pair in ipairs(COMPARISON) do
    local event, operate = pair[1], pair[2]
    add(event, true, function(callback)
      local metatable = { [event] = function() return callback() == "value" end }
      return operate(setmetatable({}, metatable), setmetatable({}, metatable))
    end)
  end
end

local function add_unary(add)
  add("__unm", "value", function(callback)
    return -object { __unm = function() return callback() end }
  end)
  add("__bnot", "value", function(callback)
    return ~object { __bnot = function() return callback() end }
  end)
  add("__len", "value", function(callback)
    return #object { __len = function() return callback() end }
  end)
end

local function add_access(add)
  add("__concat of many", "avalue", function(callback)
    return "a" .. "b" .. object { __concat = function() return callback() end }
  end)
  add("__call", "value", function(callback)
    return object { __call = function() return callback() end }()
  end)
  add("__index", "value", function(callback)
    return object({ __index = function() return callback() end }).key
  end)
  add("__newindex", "value", function(callback)
    local got
    object({ __newindex = function() got = callback() end }).key = 1
    return got
  end)
end

--- Calls `add(name, expected, body)` for each of them.
function M.each(add)
  add_binary(add)
  add_comparison(add)
  add_unary(add)
  add_access(add)
end

return M
