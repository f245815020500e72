-- SPDX-License-Identifier: MIT
--
-- Timer: a call that waits for its start and can be waited for, as threading.Timer. Unlike a
-- pending call_later it is a task, so the program does not end before it.

local check = require "crun.check"
local core = require "crun.core"

local M = {}

local CLASS = "crun.Timer"

---@class crun.Timer
---@field package seconds number
---@field package call table the function and its arguments
---@field package dropped crun.Event set by cancel
---@field package ended crun.Event set after the task's end
---@field package task? crun.Task
---@field package called boolean
local Timer = {}
Timer.__index = Timer
Timer.__name = CLASS
Timer.__metatable = CLASS
Timer.__unsendable = "a Timer"

local function body(self)
  if self.dropped:wait(self.seconds) or self.dropped:is_set() then return end
  self.called = true
  local call = self.call
  call[1](table.unpack(call, 2, call.n))
end

---Starts the clock: the function is called after the seconds, in a task of its own.
---Switches: never. Raises when it has been started before.
function Timer:start()
  check.self(self, CLASS, "start")
  if self.task then error("a Timer can be started only once", 2) end
  self.task = core.spawn_for(1, body, self)
  core.on_end(self.task, function() self.ended:set() end)
end

---The function will not be called; does nothing once it has been.
---Switches: never.
---@return boolean in_time
function Timer:cancel()
  check.self(self, CLASS, "cancel")
  if self.called or self.dropped:is_set() then return false end
  self.dropped:set()
  return true
end

---Waits until the call has ended, or the timer has been cancelled. The failure of a call is
---reported whoever waits, and not raised here.
---May wait. Raises before start, and from within the call.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Timer:join(timeout)
  check.self(self, CLASS, "join")
  if not self.task then error("a Timer must be started before it can be joined", 2) end
  if self.task == core.current() then error("a Timer's call cannot wait for itself", 2) end
  if timeout ~= nil then check.seconds(timeout, 1, "join") end
  return self.ended:wait(timeout)
end

---Whether it has been started and has not come to its end.
---@return boolean
function Timer:is_alive()
  check.self(self, CLASS, "is_alive")
  return self.task ~= nil and not self.task:done()
end

function Timer:__tostring()
  local state = "not started"
  if self.dropped:is_set() then
    state = "cancelled"
  elseif self:is_alive() then
    state = self.called and "running" or "waiting"
  elseif self.task then
    state = "over"
  end
  return "crun.Timer: " .. state
end

---A call of fn(...) the seconds after its start().
---Switches: never.
---@param seconds number
---@param fn function
---@param ... any
---@return crun.Timer
function M.Timer(seconds, fn, ...)
  check.seconds(seconds, 1, "Timer")
  check.callable(fn, 2, "Timer")
  return setmetatable({
    seconds = seconds,
    call = table.pack(fn, ...),
    dropped = core.Event(),
    ended = core.Event(),
    called = false,
  }, Timer)
end

return M
