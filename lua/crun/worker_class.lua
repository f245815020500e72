-- SPDX-License-Identifier: MIT
--
-- What crun.Process and crun.Thread have in common as classes: making objects and further classes,
-- fields, text. What is known of an object is not in it, so that what else is in it can be sent.

local check = require "crun.check"

local M = {}

-- --- fields --------------------------------------------------------------------------------------

local setters = {}

function setters.name(kind, state, value, level)
  if type(value) ~= "string" or value:find "\0" then
    error(("a %s's name must be a string without zero bytes, not %s"):format(kind,
      type(value) == "string" and ("%q"):format(value) or "a " .. type(value)), level + 1)
  end
  state.name = value
end

function setters.daemon(kind, state, value, level)
  if type(value) ~= "boolean" then
    error(("a %s's daemon must be a boolean, not a %s"):format(kind, type(value)), level + 1)
  end
  state.daemon = value
end

local function refuse_field(kind, state, key)
  local name = state and setters[key] and state.name
  error(name and ("the %s of %s '%s' cannot be set once it has been started")
    :format(key, kind:lower(), name)
    or ("a %s has no field '%s' to set"):format(kind, tostring(key)), 3)
end

local function add_fields(kind, Base, states, getters)
  function getters.name(state) return state.name end

  function getters.daemon(state) return state.daemon end

  function Base:__index(key)
    local value = getmetatable(self)[key]
    if value ~= nil or not getters[key] then return value end
    local state = states[self]
    return state and getters[key](state)
  end

  function Base:__newindex(key, value)
    local state, set = states[self], setters[key]
    if state and set and not state.begun then
      set(kind, state, value, 2)
    elseif getters[key] or getmetatable(self) == Base then
      refuse_field(kind, state, key)
    else
      rawset(self, key, value)
    end
  end
end

-- --- objects and classes -------------------------------------------------------------------------

local function bad_option(kind, what, level)
  error(("bad argument #1 to '%s' (%s)"):format(kind, what), level + 1)
end

local takes = {}

function takes.target(kind, state, target)
  if not check.is_callable(target) then
    bad_option(kind, ("option 'target': function expected, got %s"):format(type(target)), 4)
  end
  state.target = target
end

function takes.args(kind, state, args)
  if type(args) ~= "table" then
    bad_option(kind, ("option 'args': list expected, got %s"):format(type(args)), 4)
  end
  state.args = args
end

function takes.name(kind, state, name) setters.name(kind, state, name, 4) end

function takes.daemon(kind, state, daemon) setters.daemon(kind, state, daemon, 4) end

---What a class is called with: options, and for a class made by extend fields of the object.
---Raises two levels above. Returns the object without its class, and its state.
local function new(kind, is_base, options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table of options expected, got %s)")
      :format(kind, type(options)), 3)
  end
  local object, state = {}, { daemon = false, args = {} }
  for key, value in next, options or object do
    if takes[key] then
      takes[key](kind, state, value)
    elseif is_base then
      bad_option(kind, ("unknown option '%s'"):format(tostring(key)), 3)
    else
      object[key] = value
    end
  end
  return object, state
end

local function add_making(kind, made)
  local Base, Class, states, count = made.Base, made.Class, made.states, 0

  function Class.__call(class, options, ...)
    check.no_more(2, kind, (...))
    local object, state = new(kind, class == Base, options)
    count = count + 1
    state.name = state.name or ("%s-%d"):format(kind, count)
    states[setmetatable(object, class)] = state
    return object
  end

  -- Methods and metamethods that a class does not have are those of the class it was made of.
  function Class.__index(class, key)
    local base = rawget(class, "base")
    return base and base[key]
  end

  ---Makes a class whose objects run their method `run` in the worker, on a copy of the object.
  ---Switches: never.
  ---@param name? string for tostring
  ---@return table class
  function Base:extend(name)
    if name ~= nil and type(name) ~= "string" then
      error(("bad argument #1 to 'extend' (string expected, got %s)"):format(type(name)), 2)
    end
    return setmetatable({
      base = self, __name = name or self.__name, __unsendable = Base.__unsendable,
      __index = self.__index, __newindex = self.__newindex, __tostring = self.__tostring,
      __close = self.__close,
    }, Class)
  end

  setmetatable(Base, Class)
end

-- --- copies --------------------------------------------------------------------------------------

---In errors about what cannot be sent, by what the object's maker knows it as.
local function word_parts(message)
  return (message:gsub("args%[(%d+)%](%.?)", function(place, dot)
    return place == "1" and "its class" .. dot or place == "2" and "self" .. dot or ""
  end, 1))
end

---Has a worker run the object: run_object(class, fields, state). Raises what cannot be sent.
---@param link crun.Link
---@param object table
---@param state table
---@param run_object function
---@return crun.Future
function M.submit(link, object, state, run_object)
  local fields = {}
  for key, value in next, object do fields[key] = value end
  local ok, future = pcall(link.submit, link, run_object, getmetatable(object), fields, {
    name = state.name, daemon = state.daemon, target = state.target, args = state.args,
  })
  if ok then return future end
  error(type(future) == "string" and word_parts(future) or future, 0)
end

---A class of its own for objects of a kind. `states` has the state of each object by the object;
---that of one that came in a message is another worker's: it is not in there. `Class` is the
---metatable of Base and of all classes made of it; for messages to name them, a module has both.
---Switches: never.
---@param kind string "Process", "Thread"
---@param getters table<string, fun(state: table): any> further fields that can be read
---@return {Base: table, Class: table, states: table<table, table>, revive: function}
function M.new(kind, getters)
  local made = {
    Base = { __name = "crun." .. kind, __unsendable = "a " .. kind }, Class = {},
    states = setmetatable({}, { __mode = "k" }),
  }
  add_fields(kind, made.Base, made.states, getters)
  add_making(kind, made)

  ---A copy of an object, in its worker.
  function made.revive(class, object, state)
    made.states[setmetatable(object, class)] = state
    return object
  end

  return made
end

return M
