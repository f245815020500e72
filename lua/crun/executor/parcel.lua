-- SPDX-License-Identifier: MIT
--
-- What a job is sent with. It is taken down when the job is added, so that later changes to it do
-- not matter; and it can be sent again, to another worker.
--
-- Three forms: values that cannot change, as they are; a message made of the others; and where
-- crun's objects are among them, which each link numbers in its own way, a copy that has those in
-- place.

local core = require "crun.core"
local refer = require "crun.link.refer"

local M = {}

local IMMUTABLE = { ["nil"] = true, boolean = true, number = true, string = true }

---Rough sizes in bytes, so that not too much is on its way to one worker.
local SMALL, UNKNOWN = 32, 1 << 16

M.IMMUTABLE, M.SMALL = IMMUTABLE, SMALL

local function immutable(...)
  for place = 1, select("#", ...) do
    if not IMMUTABLE[type((select(place, ...)))] then return false end
  end
  return true
end

local function size_of(...)
  local size = SMALL
  for place = 1, select("#", ...) do
    local value = select(place, ...)
    if type(value) == "string" then size = size + #value end
  end
  return size
end

-- --- references ---------------------------------------------------------------------------------

---A port in memory through which values pass, crun's objects by reference, to become a copy.
local function copier()
  local objects, probe = {}, { handlers = {} }
  refer.prepare(probe)
  local there, here = core.port_pair()
  there:hooks(function(object)
    if not refer.refer(probe, object) then return nil end
    objects[#objects + 1] = object
    return tostring(#objects)
  end, nil)
  here:hooks(nil, function(number) return objects[tonumber(number)] end)
  return there, here
end

local function receive(_, _, _, ...)
  return table.pack(...)
end

local function copy(...)
  local there, here = copier()
  local ok, err = pcall(there.post, there, 1, 0, 0, ...)
  if not ok then
    there:close()
    here:close()
    error(err, 0)
  end
  local values = receive(here:recv(0))
  there:close()
  here:close()
  return values
end

-- --- making and sending --------------------------------------------------------------------------

---Takes values down. Raises what cannot be sent, without position: "args[2].x: ...". Only what is
---`copied` may still fail when it is sent: a descriptor may have been closed by then.
---@param ... any
---@return table parcel
function M.pack(...)
  if immutable(...) then return { size = size_of(...), n = select("#", ...), ... } end
  local ok, message = pcall(core.encode, ...)
  if ok then return { size = #message, message = message } end
  local values = copy(...)
  values.size, values.copied = UNKNOWN, true
  return values
end

---Sends it over a link. Switches: never.
---@param link table
---@param kind integer
---@param id integer
---@param aux integer
---@param parcel table
function M.send(link, kind, id, aux, parcel)
  if parcel.message then return link.port:post_encoded(kind, id, aux, parcel.message) end
  return link:post(kind, id, aux, table.unpack(parcel, 1, parcel.n))
end

---Classes whose objects have a descriptor, of which a copy has one of its own.
local DESCRIPTORS = { ["crun.Stream"] = true, ["crun.Listener"] = true, ["crun.Connection"] = true }

local function close_in(value, seen)
  if type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, item in next, value do
      close_in(key, seen)
      close_in(item, seen)
    end
  elseif type(value) == "userdata" and DESCRIPTORS[getmetatable(value)] then
    value:close()
  end
end

---It is not sent any more: closes the descriptors of the copy, not waiting for the collector.
---Switches: never.
---@param parcel table
function M.drop(parcel)
  if parcel.copied then close_in(parcel, {}) end
end

---The values of a parcel that was sent as a table.
---@param parcel table
---@return any ...
function M.unpack(parcel)
  if parcel.message then return core.decode(parcel.message) end
  return table.unpack(parcel, 1, parcel.n)
end

return M
