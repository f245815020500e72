-- SPDX-License-Identifier: MIT
--
-- Agent: the task at the owner of locks that stands for one task of the other end. Locks belong to
-- tasks; so whatever that task takes, uses and gives back, its agent does. The agent lives as long
-- as it holds something or is asked something, and when the other end is gone it gives back what it
-- holds.

local core = require "crun.core"

---@class crun.Link.Agent
local Agent = {}
Agent.__index = Agent

-- What is thrown into the agent's wait when its client does not want it any more.
local WITHDRAWN = {}

---Gives everything back, the last first.
local function give_back(self)
  for i = #self.held, 1, -1 do
    local hold = self.held[i]
    self.held[i] = nil
    hold.object[hold.give](hold.object)
  end
end

---A hold was given back: that of the object, or of what it shares its lock with.
local function note_given(self, object)
  local place = #self.held
  for i = place, 1, -1 do
    if self.held[i].object == object then
      place = i
      break
    end
  end
  table.remove(self.held, place)
end

---Notes what the method did, and answers.
local function conclude(self, asked, ok, ...)
  local link, id = self.link, asked.id
  if ok and asked.given then note_given(self, asked.object) end
  if ok and asked.held and (...) then
    self.held[#self.held + 1] = { object = asked.object, give = asked.held }
  end
  local withdrawn = not ok and (...) == WITHDRAWN
  if withdrawn and not link.withdrawn[id] then return false end -- it was meant for an earlier one
  link.serving[id] = nil
  self.asked = nil
  if withdrawn then
    self.answer(link, nil, id, false, core.remote.cancelled("withdrawn"))
  else
    self.answer(link, nil, id, ok, ...)
  end
  link.withdrawn[id] = nil
  return true
end

local function run(self, asked)
  local object = asked.object
  local fn = object[asked.name]
  if self.link.withdrawn[asked.id] then return conclude(self, asked, false, WITHDRAWN) end
  asked.begun = true
  repeat until conclude(self, asked, pcall(fn, object, table.unpack(asked, 1, asked.n)))
end

---Waits for the next thing to do.
local function await(self)
  while not self.asked do
    local ok, err = pcall(self.woken.get, self.woken)
    if not ok and err ~= WITHDRAWN then error(err, 0) end
  end
end

local function live(self)
  local _ <close> = self
  repeat
    await(self)
    run(self, self.asked)
  until #self.held == 0 and not self.asked
end

---The end of its task, also by a cancel: where what it holds is itself a proxy, giving back waits.
function Agent:__close()
  self.link.agents[self.client] = nil
  if #self.held > 0 then core.shield(give_back, self) end
end

---Its client has ended. What it holds is lost, as what a task holds that ends.
function Agent:desert()
  self.held = {}
  self.task:cancel("its client has ended")
end

---The link is over.
function Agent:finish(reason)
  self.task:cancel(reason)
end

---Runs a method in the agent's task.
---Switches: never.
---@param id integer of the request
---@param object userdata
---@param name string
---@param held string? what gives back the hold that it takes
---@param given boolean whether it gives one back
---@param ... any
function Agent:ask(id, object, name, held, given, ...)
  self.asked = { id = id, object = object, name = name, held = held, given = given,
    n = select("#", ...), ... }
  self.woken:put_nowait(true)
end

---The client of that request was cancelled.
---Switches: never.
function Agent:withdraw(id)
  local asked = self.asked
  if asked and asked.id == id and asked.begun then self.task:throw(WITHDRAWN) end
end

---@param link table
---@param client integer the task at the other end
---@return crun.Link.Agent
function Agent.new(link, client)
  local self = setmetatable({
    link = link, client = client, held = {}, woken = core.Queue(),
    answer = require "crun.link.answer".values,
  }, Agent)
  self.task = core.spawn(live, self)
  self.task.daemon = true
  link.agents[client] = self
  return self
end

return Agent
