-- SPDX-License-Identifier: MIT
-- Writing JSON: two spaces deep per level, keys in order, so that two files can be compared.

local M = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local function text(value)
  return '"' .. value:gsub('[%c"\\]', function(char)
    return escapes[char] or ("\\u%04x"):format(char:byte())
  end) .. '"'
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  return math.type(value) == "integer" and tostring(value) or ("%.10g"):format(value)
end

local encode

local function members(value, indent)
  local parts = {}
  if #value > 0 then
    for i, item in ipairs(value) do parts[i] = indent .. encode(item, indent) end
    return parts
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = indent .. text(key) .. ": " .. encode(value[key], indent)
  end
  return parts
end

function encode(value, outer)
  local kind = type(value)
  if kind == "string" then return text(value) end
  if kind == "number" then return number(value) end
  if kind ~= "table" then return tostring(value) end
  local indent = outer .. "  "
  local open, close = "{", "}"
  if #value > 0 then open, close = "[", "]" end
  local parts = members(value, indent)
  if #parts == 0 then return "{}" end
  return open .. "\n" .. table.concat(parts, ",\n") .. "\n" .. outer .. close
end

--- A value as JSON text. A table with a first element is an array, any other an object with string
--- keys; numbers that JSON does not have are null.
---@param value any
---@return string
function M.encode(value)
  return encode(value, "") .. "\n"
end

return M
