-- SPDX-License-Identifier: MIT
--
-- What a Manager makes beside queues and locks: dict, list, Value and Namespace. Each is a userdata
-- with its data in a table at the owner, so that it travels by reference. The functions here work
-- on those data; none of them waits, so each is one step for everybody.

local M = {}

local KEYS = { string = true, number = true, boolean = true }

local function check_key(key)
  if not KEYS[type(key)] or key ~= key then
    error(("a key of a dict must be a string, number or boolean, got %s"):format(
      key ~= key and "NaN" or type(key)), 0)
  end
end

local function sum(value, n)
  if type(value) == "number" and type(n) == "number" then return value + n end
  error(("cannot add a %s to a %s"):format(type(n), type(value)), 0)
end

-- --- dict ----------------------------------------------------------------------------------------

---@class crun.Dict
local dict = {}

function dict.get(data, key, default)
  local value = data.values[key]
  if value == nil then return default end
  return value
end

function dict.set(data, key, value)
  check_key(key)
  local before = data.values[key]
  data.values[key] = value
  if (before == nil) ~= (value == nil) then data.n = data.n + (value == nil and -1 or 1) end
end

---Takes a key out and returns its value.
function dict.pop(data, key, default)
  local value = data.values[key]
  if value == nil then return default end
  dict.set(data, key, nil)
  return value
end

---Returns the value, which becomes the default if there is none.
function dict.setdefault(data, key, default)
  if data.values[key] == nil then dict.set(data, key, default) end
  return data.values[key]
end

---Adds to the number under the key, 0 if there is none; returns the new one.
function dict.add(data, key, n)
  local value = sum(dict.get(data, key, 0), n == nil and 1 or n)
  dict.set(data, key, value)
  return value
end

function dict.update(data, values)
  if type(values) ~= "table" then
    error(("bad argument #1 to 'update' (table expected, got %s)"):format(type(values)), 0)
  end
  for key, value in pairs(values) do dict.set(data, key, value) end
end

function dict.keys(data)
  local list = {}
  for key in pairs(data.values) do list[#list + 1] = key end
  return list
end

function dict.copy(data)
  local copy = {}
  for key, value in pairs(data.values) do copy[key] = value end
  return copy
end

function dict.clear(data)
  data.values, data.n = {}, 0
end

function dict.len(data)
  return data.n
end

-- --- list ----------------------------------------------------------------------------------------

---@class crun.List
local list = {}

---A place, which as in any table may be a float.
local function to_place(data, place, last, name)
  local n = type(place) == "number" and math.tointeger(place)
  if n and n >= 1 and n <= last then return n end
  error(("bad place %s to '%s' (the list has %d items)"):format(tostring(place), name, data.n), 0)
end

function list.get(data, place)
  return data.values[place]
end

---A nil where nothing is does nothing, and at the end it makes the list shorter.
function list.set(data, place, value)
  local values, last = data.values, data.n > 0 and data.n
  if value == nil and math.type(place) and values[place] == nil and place ~= last then return end
  place = to_place(data, place, data.n + 1, "assign")
  values[place] = value
  if value ~= nil then
    data.n = math.max(data.n, place)
  elseif place == last then
    data.n = place - 1
  end
end

function list.append(data, value)
  data.n = data.n + 1
  data.values[data.n] = value
end

---insert(value), or insert(place, value); the rest moves up.
function list.insert(data, ...)
  if select("#", ...) == 1 then return list.append(data, (...)) end
  local place, value = ...
  place = to_place(data, place, data.n + 1, "insert")
  table.move(data.values, place, data.n, place + 1)
  data.values[place] = value
  data.n = data.n + 1
end

---Takes out the item at the place, the last one if absent; the rest moves down.
function list.remove(data, place)
  if data.n == 0 and place == nil then return nil end
  place = to_place(data, place or data.n, data.n, "remove")
  local value = data.values[place]
  table.move(data.values, place + 1, data.n + 1, place)
  data.n = data.n - 1
  return value
end

function list.extend(data, values)
  if type(values) ~= "table" then
    error(("bad argument #1 to 'extend' (list expected, got %s)"):format(type(values)), 0)
  end
  for i = 1, #values do list.append(data, values[i]) end
end

function list.copy(data)
  return table.move(data.values, 1, data.n, 1, {})
end

function list.clear(data)
  data.values, data.n = {}, 0
end

function list.len(data)
  return data.n
end

-- --- Value and Namespace -------------------------------------------------------------------------

---@class crun.Value
local value = {}

function value.get(data)
  return data.value
end

function value.set(data, new)
  data.value = new
end

---Adds, 1 if absent; returns the new number.
function value.add(data, n)
  data.value = sum(data.value, n == nil and 1 or n)
  return data.value
end

---Sets it and returns what it was.
function value.swap(data, new)
  local before = data.value
  data.value = new
  return before
end

local namespace = { get = dict.get, set = dict.set, copy = dict.copy, len = dict.len }

M.Dict, M.List, M.Value, M.Namespace = dict, list, value, namespace

return M
