-- SPDX-License-Identifier: MIT
--
-- Manager: makes what several workers share. It lives in the hub that made it; whatever it makes is
-- the owner's, and a proxy in each worker that it is passed to.

local bad_self = require "crun.proxy.bad_self"
local blame = require "crun.link.blame"
local containers = require "crun.manager.containers"
local core = require "crun.core"
local syntax = require "crun.manager.syntax"

local remote = core.remote
local M = {}

-- --- containers ----------------------------------------------------------------------------------

local CLOSED = "ECLOSED: the Manager is closed"

---A method at the owner: the function on the data, unless the Manager is closed.
local function method_of(kind, name, fn)
  return function(self, ...)
    local state = remote.state(self)
    if not state or state.kind ~= kind then bad_self(self, kind, name) end
    if state.manager.closed then blame(CLOSED) end
    return fn(state.data, ...)
  end
end

local DESCRIBE = {
  Dict = function(data) return ("%d keys"):format(data.n) end,
  List = function(data) return ("%d items"):format(data.n) end,
  Namespace = function(data) return ("%d names"):format(data.n) end,
  Value = function(data) return tostring(data.value) end,
}

local function results(ok, ...)
  if ok then return ... end
  local err = ...
  if type(err) ~= "string" or err:find("^[^\n]-:%d+: ") then error(err, 0) end
  blame(err)
end

---An error of a function on the data has no position yet: it is the caller's.
local function positioned(fn)
  return function(...) return results(pcall(fn, ...)) end
end

local classes = {}
for kind, functions in pairs(containers) do
  local methods, meta = {}, { __name = "crun." .. kind, __metatable = "crun." .. kind }
  for name, fn in pairs(functions) do methods[name] = positioned(method_of(kind, name, fn)) end
  syntax[kind](methods, meta)
  meta.methods = methods
  function meta.__tostring(self)
    return ("crun.%s: %s"):format(kind, DESCRIBE[kind](remote.state(self).data))
  end
  classes[kind] = meta
end

---The methods of a kind at the owner, by name.
---@param kind string
---@return table<string, function>
function M.methods(kind)
  return classes[kind].methods
end

local function make(manager, kind, data)
  return remote.proxy(classes[kind], { kind = kind, manager = manager, data = data })
end

-- --- the Manager ---------------------------------------------------------------------------------

---@class crun.Manager
local methods = {}

local function state_of(self, name)
  local state = remote.state(self)
  if not state or state.kind ~= "Manager" then bad_self(self, "Manager", name) end
  if state.closed then blame(CLOSED) end
  return state
end

local function check_table(values, name)
  if values == nil or type(values) == "table" then return values or {} end
  blame(("bad argument #1 to '%s' (table expected, got %s)"):format(name, type(values)))
end

---A dict that everybody shares who has it, with the fields of the table to begin with.
---@param values? table
---@return crun.Dict
function methods:dict(values)
  local state = state_of(self, "dict")
  local dict = make(state, "Dict", { values = {}, n = 0 })
  dict:update(check_table(values, "dict"))
  return dict
end

---@param values? any[]
---@return crun.List
function methods:list(values)
  local state = state_of(self, "list")
  local list = make(state, "List", { values = {}, n = 0 })
  list:extend(check_table(values, "list"))
  return list
end

---@param ... any the value, or nothing for nil
---@return crun.Value
function methods:Value(...)
  local state = state_of(self, "Value")
  if select("#", ...) > 1 then
    blame "bad arguments to 'Value' (one value expected, which carries its type: Value(0))"
  end
  return make(state, "Value", { value = (...) })
end

---Names that everybody shares who has it, with the fields of the table to begin with.
---@param values? table
---@return crun.Namespace
function methods:Namespace(values)
  local state = state_of(self, "Namespace")
  local namespace = make(state, "Namespace", { values = {}, n = 0 })
  for name, value in pairs(check_table(values, "Namespace")) do namespace[name] = value end
  return namespace
end

local function made(name, ok, object)
  if ok then return object end
  if type(object) ~= "string" then error(object, 0) end
  blame((object:gsub("to '[^']*'", ("to '%s'"):format(name), 1)))
end

---Whatever can be sent to a worker by reference; a Manager has it for the sake of workers, which
---get an object of the owner's in this way. Queues and channels are closed with the Manager.
local function maker(name)
  return function(self, ...)
    local state = state_of(self, name)
    local object = made(name, pcall(core[name], ...))
    if object.close then state.queues[object] = true end
    return object
  end
end

for _, name in ipairs {
  "Queue", "LifoQueue", "PriorityQueue", "Channel", "Lock", "RLock", "Semaphore",
  "BoundedSemaphore", "Event", "Condition", "Barrier", "RWLock", "WaitGroup", "Future",
} do
  methods[name] = maker(name)
end

---Ends it: its queues and channels are closed, the rest of what it has made raises.
---Switches: never.
function methods:close()
  local state = remote.state(self)
  if not state or state.closed then return end
  state.closed = true
  for object in pairs(state.queues) do object:close() end
end

local meta = {
  __name = "crun.Manager", __metatable = "crun.Manager", __index = methods, methods = methods,
  __close = methods.close,
}

function meta:__tostring()
  return "crun.Manager: " .. (remote.state(self).closed and "closed" or "open")
end

classes.Manager = meta

---Makes a Manager: `local manager <close> = crun.Manager()`.
---Switches: never.
---@return crun.Manager
function M.Manager()
  return remote.proxy(meta, {
    kind = "Manager", closed = false, queues = setmetatable({}, { __mode = "k" }),
  })
end

return M
