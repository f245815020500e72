-- SPDX-License-Identifier: MIT
--
-- Objects as they pass a link. What belongs to this end is exported: it gets a number, and the
-- other end a proxy. What is a proxy of the other end goes back as the number it has there, and
-- arrives as the original.
--
-- An export lasts while the other end has a proxy of it, or will get one: each message in which it
-- is sent counts, and a proxy that is collected there gives back as many counts as it has arrived
-- in.

local core = require "crun.core"
local kinds = require "crun.link.kinds"
local methods = require "crun.proxy.methods"

local remote = core.remote
local M = {}

---What a link needs for it.
function M.prepare(link)
  link.exports = {}   -- by number
  link.entries = {}   -- the same by object
  link.free = {}      -- numbers that may be used again
  link.last = 0       -- the highest number so far
  link.proxies = setmetatable({}, { __mode = "v" }) -- by the other end's number
  link.dropped = {}   -- number, times ... of proxies that have been collected
end

-- --- exports -------------------------------------------------------------------------------------

---The kind of an object that can be exported, or nil.
local function kind_of(object, state)
  if state then return state.kind end
  local class = getmetatable(object)
  local kind = type(class) == "string" and class:match("^crun%.(%a+)$")
  return methods[kind] and kind or nil
end

local function export(link, object, kind, state)
  local number = table.remove(link.free)
  if not number then
    number = link.last + 1
    link.last = number
  end
  local serve = require "crun.link.serve"
  if not link.serving then serve.prepare(link) end
  local entry = {
    object = object, kind = kind, number = number, count = 0,
    ops = serve.operations(kind, state ~= nil and state.link ~= nil),
  }
  link.exports[number], link.entries[object] = entry, entry
  return entry
end

local function forget(link, entry)
  link.exports[entry.number], link.entries[entry.object] = nil, nil
  link.free[#link.free + 1] = entry.number
end

---What stands for a userdata in a message; nil: it cannot be sent.
---Switches: never.
---@param link table
---@param object userdata
---@return string?
function M.refer(link, object)
  local state = remote.state(object)
  if state and state.link == link then return "y" .. state.number end
  local kind = kind_of(object, state)
  if not kind then return nil end
  local entry = link.entries[object] or export(link, object, kind, state)
  local referred = link.referred
  if not referred then
    referred = {}
    link.referred = referred
  end
  if not referred[entry] then
    referred[entry] = true
    entry.count = entry.count + 1
  end
  return ("o%d:%s"):format(entry.number, kind)
end

---The message with what was referred to has been made, or could not be.
---Switches: never.
---@param link table
---@param made boolean
function M.settle(link, made)
  local referred = link.referred
  link.referred = nil
  if made then return end
  for entry in pairs(referred) do
    entry.count = entry.count - 1
    if entry.count == 0 then forget(link, entry) end
  end
end

---The DROP of the other end.
function M.dropped(link, ...)
  local list = { ... }
  for i = 1, #list, 2 do
    local entry = link.exports[list[i]]
    entry.count = entry.count - list[i + 1]
    if entry.count <= 0 then forget(link, entry) end
  end
end

---The link is over: what was exported is nobody's but its owner's.
function M.finish(link)
  link.exports, link.entries = {}, {}
end

-- --- proxies -------------------------------------------------------------------------------------

local AT_ONCE = 100 -- numbers in one DROP

---Tells the other end of the proxies that are gone.
local function tell(link)
  local list = link.dropped
  link.dropped = {}
  for i = 1, #list, AT_ONCE do
    if link.reason then return end
    link:post(kinds.DROP, 0, 0, table.unpack(list, i, math.min(i + AT_ONCE - 1, #list)))
  end
end

---The finalizer of a proxy. Nothing can be told any more once the state is closing.
function M.collected(proxy)
  local state = remote.state(proxy)
  local link = state.link
  if not link or link.reason then return end
  local list = link.dropped
  local n = #list
  list[n + 1], list[n + 2] = state.number, state.count
  if n == 0 then pcall(core.call_soon, tell, link) end
end

local function proxy_of(link, number, kind)
  local proxy = link.proxies[number]
  if proxy then
    local state = remote.state(proxy)
    state.count = state.count + 1
    return proxy
  end
  local classes = require "crun.proxy.classes"
  if not link.calls then require("crun.proxy").prepare(link) end
  if not classes[kind] then return nil end
  proxy = remote.proxy(classes[kind], { link = link, number = number, kind = kind, count = 1 })
  link.proxies[number] = proxy
  return proxy
end

---The object that such a string stands for here; nil: none.
---Switches: never.
---@param link table
---@param text string
---@return userdata?
function M.resolve(link, text)
  local what, number, kind = text:match("^([oy])(%d+):?(%a*)$")
  number = math.tointeger(number)
  if what == "o" then return proxy_of(link, number, kind) end
  local entry = what and link.exports[number]
  return entry and entry.object
end

return M
