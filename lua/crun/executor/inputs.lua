-- SPDX-License-Identifier: MIT
--
-- What map and imap call their function with: the items of a list, or what an iterator gives, one
-- by one or so many together.

local kinds = require "crun.executor.kinds"
local parcel = require "crun.executor.parcel"

local M = {}

local IMMUTABLE, SMALL = parcel.IMMUTABLE, parcel.SMALL

local function packed(count, kind, ...)
  local ok, made = pcall(parcel.pack, ...)
  if ok then return made.size, made, kind, count end
  return false, made, kind, count
end

---One input, which is not nil.
local function single(first, ...)
  if select("#", ...) == 0 and IMMUTABLE[type(first)] then
    return type(first) == "string" and #first + SMALL or SMALL, first
  end
  return packed(1, kinds.JOB, first, ...)
end

local function list_items(list)
  local place = 0
  return function()
    place = place + 1
    local item = list[place]
    if item ~= nil then return single(item) end
    return nil
  end
end

local function list_chunks(list, chunk)
  local place = 0
  return function()
    local items, n = {}, 0
    while n < chunk and list[place + 1] ~= nil do
      n, place = n + 1, place + 1
      items[n] = list[place]
    end
    if n > 0 then return packed(n, kinds.CHUNK, n, items) end
    return nil
  end
end

local function steps(iterate, state, control)
  local function made(first, ...)
    control = first
    if IMMUTABLE[type(first)] and select("#", ...) == 0 then
      if first == nil then return nil end
      return type(first) == "string" and #first + SMALL or SMALL, first
    elseif first ~= nil then
      return packed(1, kinds.JOB, first, ...)
    end
    return nil
  end
  return function() return made(iterate(state, control)) end
end

local function step_chunks(chunk, iterate, state, control)
  local over = false
  return function()
    local items, n = {}, 0
    while n < chunk and not over do
      local item = table.pack(iterate(state, control))
      control = item[1]
      if control == nil then
        over = true
      else
        n = n + 1
        items[n] = item
      end
    end
    if n > 0 then return packed(n, kinds.SPREAD, n, items) end
    return nil
  end
end

---A function that returns what is sent for the next inputs: size, value; or size, parcel, kind of
---message, number of inputs; false and an error in place of size and parcel, if they cannot be
---sent; nil at the end. An iterator's errors pass through it, and it may wait where that does.
---@param chunk integer
---@param is_list boolean
---@param items any[]|function
---@param state any
---@param control any
---@return fun(): integer|false|nil, any, integer?, integer?
function M.source(chunk, is_list, items, state, control)
  if is_list then return chunk == 1 and list_items(items) or list_chunks(items, chunk) end
  if chunk == 1 then return steps(items, state, control) end
  return step_chunks(chunk, items, state, control)
end

return M
