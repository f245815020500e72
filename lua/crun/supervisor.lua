-- SPDX-License-Identifier: MIT
--
-- Supervisor: keeps workers alive. One that ends is started again as its policy says: after an
-- exponential back-off, and only so often within a period; then the Supervisor gives up, which ends
-- the others and is its own failure. A worker is anything with start, join and terminate (or
-- cancel): a Process, a Thread, a Supervisor; or a function, run as one of these or as a task.

local check = require "crun.check"
local core = require "crun.core"
local maker = require "crun.supervisor.maker"
local place = require "crun.supervisor.place"
local spec = require "crun.supervisor.spec"

local CLASS = "crun.Supervisor"

---@class crun.Supervisor
---@field name string
---@field package places crun.Supervisor.Place[] in the order of their start
---@field package task? crun.Task
---@field package inbox crun.Queue what makes its task look again
local Supervisor = {}
Supervisor.__index = Supervisor
Supervisor.__name = CLASS
Supervisor.__metatable = CLASS
Supervisor.__unsendable = "a Supervisor"

local M = {}

-- --- what happens to the workers -----------------------------------------------------------------

local function failure_of(self, gone)
  local policy, ending = gone.policy, gone.ending
  local message = ("%s gave up: %s was restarted %d times within %g s, and then %s"):format(
    self.name, gone.name, policy.max_restarts, policy.period, ending.text)
  return core.Error(ending.err ~= nil and { ending.err } or {}, message)
end

local function living(self)
  local n = 0
  for _, one in ipairs(self.places) do
    if not one.over:is_set() then n = n + 1 end
  end
  return n
end

---What is done with an event where nobody has asked for it: failures do not go by unseen.
local function report(self, event)
  local ending, again = event.ending, event.restart_in
  if event.what == "killed" then
    io.stderr:write(("crun: %s: %s did not end within %g s and is killed\n")
      :format(self.name, event.name, event.after))
  elseif event.what == "ended" and not ending.ok and not self.ending then
    io.stderr:write(("crun: %s: %s %s%s\n"):format(self.name, event.name, ending.text,
      again and ("; it is started again in %g s"):format(again) or ""))
  end
end

---Where the program's main has ended nothing can be spawned, but there still are workers to end.
local function deliver(self, event)
  if not self.on_event then return report(self, event) end
  if not core.remote.finished() then return core.call_soon(self.on_event, event) end
  local ok, err = pcall(self.on_event, event)
  if not ok then
    io.stderr:write(("crun: %s: on_event failed: %s\n"):format(self.name, tostring(err)))
  end
end

---What a place tells: for on_event, and for the Supervisor's own task.
local function teller(self)
  return function(one, what, details)
    if what == "gave up" then self.failure = self.failure or failure_of(self, one) end
    if what == "over" then
      self.inbox:put(self.failure and "gave up" or "over")
      return
    end
    local event = { what = what, name = one.name, worker = one.worker }
    for key, value in pairs(details or {}) do event[key] = value end
    deliver(self, event)
  end
end

---Adds all places of a worker, or none.
local function add_places(self, worker, where)
  local make, names, places = maker.of(worker), {}, {}
  for i = 1, worker.count do
    names[i] = worker.count > 1 and ("%s-%d"):format(worker.name, i) or worker.name
    if self.by_name[names[i]] then spec.refuse(where, "two workers named '%s'", names[i]) end
  end
  for i, name in ipairs(names) do
    places[i] = place.new(worker, name, make, teller(self))
    self.by_name[name] = places[i]
    self.places[#self.places + 1] = places[i]
  end
  return places
end

---Starts the workers of those places, one after the other, that have not been removed meanwhile.
local function begin(places)
  for _, one in ipairs(places) do
    if not one.asked then
      one:keep()
      one.begun:wait()
    end
  end
end

---Starts the workers of an entry: all of them, also for who is cancelled meanwhile.
local function begin_together(places)
  for _, one in ipairs(places) do one:keep() end
  for _, one in ipairs(places) do one.begun:wait() end
end

---The places as they are now: who waits for one may find others gone when it goes on.
local function present(self)
  return table.move(self.places, 1, #self.places, 1, {})
end

---Ends all: the last one started first, those of one specification together, or all together.
local function end_all(self)
  local places, together = present(self), self.all.together
  local last = #places
  while last > 0 do
    local first = last
    while first > 1 and (together or places[first - 1].spec == places[last].spec) do
      first = first - 1
    end
    for i = first, last do places[i]:stop() end
    for i = first, last do
      if places[i].kept then places[i].over:wait() end
    end
    last = first - 1
  end
end

local function look_after(self)
  local ok, err = pcall(function()
    self.begun = true
    begin(present(self))
    while living(self) > 0 and self.inbox:get() == "over" do end
  end)
  self.ending = true
  core.shield(end_all, self)
  if not ok then error(err, 0) end
  if self.failure then error(self.failure, 0) end
end

-- --- its methods ---------------------------------------------------------------------------------

local function check_started(self, name)
  check.self(self, CLASS, name)
  if not self.task then
    error(("a Supervisor must be started before '%s'"):format(name), 3)
  end
end

---Starts the workers, in their order. The program does not end before the Supervisor has.
---Switches: never. Raises when it has been started before.
---@return crun.Supervisor self
function Supervisor:start()
  check.self(self, CLASS, "start")
  if self.task then error("a Supervisor can be started only once", 2) end
  self.task = core.spawn_for(1, look_after, self)
  self.task.name = self.name
  return self
end

---Waits until all workers have ended for good, be it that they need no restart, that it has given
---up, or that somebody ended it.
---May wait. Raises before start.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Supervisor:join(timeout)
  check_started(self, "join")
  if timeout ~= nil then check.seconds(timeout, 1, "join") end
  return self.task:join(timeout)
end

---The same, and raises a crun.Error if it has given up.
---May wait.
function Supervisor:get()
  check_started(self, "get")
  self.task:get()
end

---start and get.
---May wait. Raises as they do.
function Supervisor:run()
  self:start():get()
end

---Begins to end all workers: the last one started first, those of one specification together. Each
---is asked by its terminate (or cancel), and killed once its `shutdown` seconds are over.
---Switches: never. Raises before start.
function Supervisor:terminate()
  check_started(self, "terminate")
  self.inbox:put("stop")
end

---terminate, and waits until they have ended.
---May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function Supervisor:stop(timeout)
  check_started(self, "stop")
  self.inbox:put("stop")
  return self:join(timeout)
end

---Whether it has been started and has not ended.
---@return boolean
function Supervisor:is_alive()
  check.self(self, CLASS, "is_alive")
  return self.task ~= nil and not self.task:done()
end

---One more worker, started at once if the Supervisor has been.
---May wait. Raises for a bad specification; when the Supervisor has ended, or is about to.
---@param worker table|function as in the list given to Supervisor
---@return string[] names
function Supervisor:add(worker)
  check.self(self, CLASS, "add")
  if self.ending then error("the Supervisor has ended", 2) end
  self.added = self.added + 1
  local whole = spec.worker("add", worker, self.added, self.all)
  local places, names = add_places(self, whole, "add"), {}
  for i, one in ipairs(places) do names[i] = one.name end
  if self.begun then begin_together(places) end
  return names
end

---Ends one worker for good, and forgets it.
---May wait.
---@param name string
---@return true? done, string? message, string? code "ENOENT": there is none of that name
function Supervisor:remove(name)
  check.self(self, CLASS, "remove")
  local one = self.by_name[name]
  if not one then
    return nil, ("ENOENT: no worker named '%s'"):format(tostring(name)), "ENOENT"
  end
  one:stop()
  if one.kept then one.over:wait() end
  if self.by_name[name] == one then self.by_name[name] = nil end
  for i, other in ipairs(self.places) do
    if other == one then table.remove(self.places, i) end
  end
  return true
end

---The workers in the order of their start.
---Switches: never.
---@return { name: string, state: string, restarts: integer, worker: any, ending?: table }[]
function Supervisor:workers()
  check.self(self, CLASS, "workers")
  local list = {}
  for i, one in ipairs(self.places) do
    list[i] = {
      name = one.name, state = one.state, restarts = one.restarts,
      worker = one.worker, ending = one.ending,
    }
  end
  return list
end

function Supervisor:__close()
  if not self:is_alive() then return end
  self.inbox:put("stop")
  core.shield(self.task.join, self.task)
end

function Supervisor:__tostring()
  local state = not self.task and "not started" or self.task:done() and "ended"
    or ("%d of %d workers alive"):format(living(self), #self.places)
  return ("crun.Supervisor '%s': %s"):format(self.name, state)
end

---Makes one, of a list of workers and options.
---Switches: never. Raises for what it does not know.
---@param options table
---@return crun.Supervisor
function M.Supervisor(options, ...)
  check.no_more(2, "Supervisor", (...))
  local all, specs = spec.supervisor(options)
  local self = setmetatable({
    name = all.name, on_event = all.on_event, all = all,
    places = {}, by_name = {}, added = #specs, inbox = core.Queue(),
  }, Supervisor)
  for _, worker in ipairs(specs) do add_places(self, worker, "Supervisor") end
  return self
end

return M
