-- SPDX-License-Identifier: MIT
--
-- The classes of proxies: the methods of the originals. Most ask the owner; what calls functions of
-- this end (`with`, `wait_for`, `on_done`), and loops, are made of those that do.

local bad_self = require "crun.proxy.bad_self"
local blame = require "crun.link.blame"
local check = require "crun.check"
local core = require "crun.core"
local lists = require "crun.proxy.methods"
local proxy = require "crun.proxy"
local refer = require "crun.link.refer"

local remote = core.remote
local state_of, current = remote.state, core.current

---The state of the proxy that a method was called on. Raises, at the caller of the method, that it
---was called as a function or on something else: its number means another method there.
local function state_for(self, kind, name)
  local state = state_of(self)
  if state and state.kind == kind then return state end
  bad_self(self, kind, name)
end

-- Further modes in which a method acts in the name of the calling task.
local NAMED = { give = true, own = true }

---Whether it may wait, so that the request can be withdrawn.
local function may_wait(method)
  local name, mode, attempt = table.unpack(method)
  return not (method.sure or mode == "now" or mode == "back" or name == attempt)
end

local function taken(link, held, ...)
  if held then proxy.note_client(link) end
  return held, ...
end

local function method_of(kind, number, method)
  local name, mode = method[1], method[2]
  local ask = may_wait(method) and proxy.call or proxy.tell
  if mode == "take" then
    return function(self, ...)
      local state = state_for(self, kind, name)
      return taken(state.link, ask(state, number, current().id, ...))
    end
  end
  if NAMED[mode] then
    return function(self, ...)
      return ask(state_for(self, kind, name), number, current().id, ...)
    end
  end
  return function(self, ...)
    return ask(state_for(self, kind, name), number, 0, ...)
  end
end

---A method that cannot fail raises when the owner is gone. The result of a Future may look like
---that, but not with the words of this link.
local function surely(self, ...)
  local value, message = ...
  if value == nil and message ~= nil and message == state_of(self).link.reason then
    blame(message)
  end
  return ...
end

local function surely_of(ask)
  return function(self, ...) return surely(self, ask(self, ...)) end
end

-- --- what is made of others ----------------------------------------------------------------------

local extra = {}

---Stops at the end of a queue, and raises that of its owner.
local function next_item(self)
  local item, message, code = self:next()
  if code == "EWORKERDIED" then blame(message) end
  return item
end

function extra.Queue(methods)
  function methods.iter(self)
    return next_item, self
  end
end
extra.LifoQueue, extra.PriorityQueue, extra.Channel = extra.Queue, extra.Queue, extra.Queue

---hold and with, made of acquire and of what gives back when it is closed.
local function holds(methods, acquire, hold, with)
  local take = methods[acquire]
  methods[hold] = function(self, timeout)
    local held, message, code = take(self, timeout)
    if not held then return held, message, code end
    return self
  end
  methods[with] = function(self, fn, ...)
    check.callable(fn, 1, with)
    local held, message = take(self)
    if not held then blame(message) end
    local _ <close> = self
    return fn(...)
  end
end

function extra.Lock(methods, meta)
  holds(methods, "acquire", "hold", "with")
  function meta.__close(self) return methods.release(self) end
end
extra.RLock, extra.Semaphore, extra.BoundedSemaphore = extra.Lock, extra.Lock, extra.Lock

---For each wait the rest of the time.
function extra.Condition(methods, meta)
  extra.Lock(methods, meta)
  function methods.wait_for(self, predicate, timeout)
    check.callable(predicate, 1, "wait_for")
    if timeout ~= nil then check.seconds(timeout, 2, "wait_for") end
    local deadline = timeout and core.now() + timeout
    local value = predicate()
    while not value do
      local left = deadline and deadline - core.now()
      local notified, message, code = self:wait(left)
      value = predicate()
      if not notified and not value then return nil, message, code end
    end
    return value
  end
end

function extra.Future(methods)
  function methods.on_done(self, fn)
    check.callable(fn, 1, "on_done")
    local waiting = core.spawn(function()
      if self:join() then fn(self) end
    end)
    return setmetatable({}, { __index = { remove = function() waiting:cancel("removed") end } })
  end
end

---Nobody reads while somebody writes: what a scope holds is told by whether this end writes.
function extra.RWLock(methods, meta)
  local acquire, release = methods.write_acquire, methods.write_release
  local function acquired(self, held, ...)
    if held then state_of(self).writing = true end
    return held, ...
  end
  function methods.write_acquire(self, timeout)
    return acquired(self, acquire(self, timeout))
  end
  function methods.write_release(self)
    release(self)
    state_of(self).writing = nil
  end
  function meta.__close(self)
    if state_of(self).writing then return methods.write_release(self) end
    return methods.read_release(self)
  end
  holds(methods, "read_acquire", "hold_read", "with_read")
  holds(methods, "write_acquire", "hold_write", "with_write")
end

for _, kind in ipairs { "Dict", "List", "Value", "Namespace" } do
  extra[kind] = function(methods, meta) require("crun.manager.syntax")[kind](methods, meta) end
end

-- --- classes -------------------------------------------------------------------------------------

local function tostring_of(kind)
  return function(self)
    local link = state_of(self).link
    return ("crun.%s: a proxy, %s"):format(kind, link.reason or "its owner is there")
  end
end

---As of the original: what is inside is dropped when an error leaves the scope.
local function closer(methods)
  return function(self, err) return methods.close(self, err ~= nil) end
end

local function class_of(kind)
  local methods, meta = {}, {}
  for number, method in ipairs(lists[kind]) do
    local ask = method_of(kind, number, method)
    methods[method[1]] = method.sure and surely_of(ask) or ask
  end
  meta.methods = methods
  meta.__index, meta.__name, meta.__metatable = methods, "crun." .. kind, "crun.Proxy"
  meta.__gc, meta.__tostring = refer.collected, tostring_of(kind)
  meta.__len = methods.qsize or methods.__len
  if methods.close then meta.__close = closer(methods) end
  if extra[kind] then extra[kind](methods, meta) end
  return meta
end

return setmetatable({}, { __index = function(self, kind)
  if not lists[kind] then return nil end
  local class = class_of(kind)
  self[kind] = class
  return class
end })
