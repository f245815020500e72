-- SPDX-License-Identifier: MIT
--
-- crun.Process as a class: making objects and further classes, fields, text. What is known of an
-- object is not in it, so that what else is in it can be sent to the child.

local check = require "crun.check"
local spawn_worker = require "crun.spawn_worker"

---@class crun.Process
local Process = { __name = "crun.Process", __unsendable = "a Process" }

---The metatable of Process and of all classes made of it; here for messages to name it.
local Class = {}

---By object. The table of one that came in a message is another process's: it is not in here.
---@type table<crun.Process, crun.Process.state>
local states = setmetatable({}, { __mode = "k" })

local M = { Process = Process, Class = Class, states = states }

-- --- fields --------------------------------------------------------------------------------------

local getters = {}

function getters.name(state) return state.name end

function getters.daemon(state) return state.daemon end

function getters.pid(state) return state.child and state.child.pid or state.pid end

function getters.exitcode(state)
  if not state.child then return nil end
  local code = state.child:poll()
  return code
end

local setters = {}

function setters.name(state, value, level)
  if type(value) ~= "string" or value:find "\0" then
    error(("a Process's name must be a string without zero bytes, not %s")
      :format(type(value) == "string" and ("%q"):format(value) or "a " .. type(value)), level + 1)
  end
  state.name = value
end

function setters.daemon(state, value, level)
  if type(value) ~= "boolean" then
    error(("a Process's daemon must be a boolean, not a %s"):format(type(value)), level + 1)
  end
  state.daemon = value
end

function Process:__index(key)
  local value = getmetatable(self)[key]
  if value ~= nil or not getters[key] then return value end
  local state = states[self]
  return state and getters[key](state)
end

local function refuse_field(state, key)
  local name = state and setters[key] and state.name
  error(name and ("the %s of process '%s' cannot be set once it has been started"):format(key, name)
    or ("a Process has no field '%s' to set"):format(tostring(key)), 3)
end

function Process:__newindex(key, value)
  local state, set = states[self], setters[key]
  if state and set and not state.begun then
    set(state, value, 2)
  elseif getters[key] or getmetatable(self) == Process then
    refuse_field(state, key)
  else
    rawset(self, key, value)
  end
end

local function status_of(state)
  if not state.child then return state.pid and "here" or "not started" end
  local code, signo = state.child:poll()
  return code and spawn_worker.describe(code, signo) or "running"
end

function Process:__tostring()
  local state, kind = states[self], getmetatable(self).__name
  if not state then return kind .. ": of another process" end
  local pid = self.pid and (", pid %d"):format(self.pid) or ""
  return ("%s: '%s'%s, %s"):format(kind, state.name, pid, status_of(state))
end

-- --- objects and classes -------------------------------------------------------------------------

local count = 0

local function bad_option(what, level)
  error(("bad argument #1 to 'Process' (%s)"):format(what), level + 1)
end

local takes = {}

function takes.target(state, target)
  if not check.is_callable(target) then
    bad_option(("option 'target': function expected, got %s"):format(type(target)), 4)
  end
  state.target = target
end

function takes.args(state, args)
  if type(args) ~= "table" then
    bad_option(("option 'args': list expected, got %s"):format(type(args)), 4)
  end
  state.args = args
end

function takes.name(state, name) setters.name(state, name, 4) end

function takes.daemon(state, daemon) setters.daemon(state, daemon, 4) end

---What a class is called with: options, and for a class made by extend fields of the object.
local function new(class, options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to 'Process' (table of options expected, got %s)")
      :format(type(options)), 3)
  end
  local object, state = {}, { daemon = false, args = {} }
  for key, value in next, options or object do
    if takes[key] then
      takes[key](state, value)
    elseif class == Process then
      bad_option(("unknown option '%s'"):format(tostring(key)), 3)
    else
      object[key] = value
    end
  end
  count = count + 1
  state.name = state.name or "Process-" .. count
  states[setmetatable(object, class)] = state
  return object
end

---A copy of an object, in its child.
---@param class table
---@param object table its fields
---@param state crun.Process.state
---@return crun.Process
function M.revive(class, object, state)
  states[setmetatable(object, class)] = state
  return object
end

function Class.__call(class, options)
  local object = new(class, options)
  return object
end

---Methods and metamethods that a class does not have are those of the class it was made of.
function Class.__index(class, key)
  local base = rawget(class, "base")
  return base and base[key]
end

setmetatable(Process, Class)

---Makes a class whose objects run their method `run` in the child, on a copy of the object.
---Switches: never.
---@param name? string for tostring
---@return crun.Process class
function Process:extend(name)
  if name ~= nil and type(name) ~= "string" then
    error(("bad argument #1 to 'extend' (string expected, got %s)"):format(type(name)), 2)
  end
  return setmetatable({
    base = self, __name = name or self.__name, __unsendable = "a Process", __index = self.__index,
    __newindex = self.__newindex, __tostring = self.__tostring, __close = self.__close,
  }, Class)
end

return M
