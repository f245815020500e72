-- SPDX-License-Identifier: MIT
--
-- The master of `crun --workers n script`. It never runs the script: it holds the listening sockets
-- and keeps n processes alive that do, in generations. A reload starts a new generation and, once
-- all of that are ready, drains the one before; so there is always somebody who accepts, and a
-- connection that finds nobody waits in the socket's backlog.

local core = require "crun.core"
local process = require "crun.prefork.process"
local sockets = require "crun.prefork.sockets"
local Supervisor = require("crun.supervisor").Supervisor

local is_cancelled = core.remote.is_cancelled
local M = {}

local SIGHUP, SIGTTIN, SIGTTOU = core.signals.SIGHUP, core.signals.SIGTTIN, core.signals.SIGTTOU

---Seconds that connections get at the end of a worker.
local GRACE = 30

---Seconds that a worker gets beyond those, for its clean-ups, before it is killed.
local CLEAN_UP = 5

---@class crun.prefork.Place one worker of a generation
---@field id integer
---@field name string to the Supervisor
---@field generation crun.prefork.Generation
---@field ready boolean the worker that lives there now is
---@field failed boolean one ended before it was ready

---@class crun.prefork.Generation
---@field number integer
---@field places table<integer, crun.prefork.Place> by id
---@field begun boolean one of its workers has been ready
---@field complete boolean all have been, at the same time

---@class crun.prefork.Master
---@field package count integer how many workers there should be
---@field package current crun.prefork.Generation the newest
---@field package places table<string, crun.prefork.Place> all generations', by name
local Master = {}
Master.__index = Master

function Master:log(format, ...)
  io.stderr:write(("%s: master %d: %s\n"):format(self.name, core.getpid(), format:format(...)))
end

-- --- generations ---------------------------------------------------------------------------------

---What a worker is to the Supervisor. The script may end workers as often as it likes: there is
---back-off, and no limit.
local function spec_of(self, generation, id, name)
  return {
    name = name,
    max_restarts = false, healthy = 1, shutdown = self.grace + CLEAN_UP,
    make = function()
      return process.new(self, id, generation.number, function(worker)
        self.news:put { what = "ready", name = name, worker = worker }
      end)
    end,
  }
end

---A place of the same generation with the same id may be draining still: each has its own name.
local function add_place(self, generation, id)
  self.names = self.names + 1
  local name = ("worker %d of generation %d, place %d"):format(id, generation.number, self.names)
  local place = { id = id, name = name, generation = generation, ready = false, failed = false }
  generation.places[id], self.places[name] = place, place
  return spec_of(self, generation, id, name)
end

local function new_generation(self)
  local before = self.current
  self.current = {
    number = before and before.number + 1 or 1, places = {}, begun = false, complete = false,
    before = before,
  }
  local specs = {}
  for id = 1, self.count do specs[id] = add_place(self, self.current, id) end
  return specs
end

---Ends a place's worker in its own time; nobody waits for it here.
local function drain_place(self, place)
  place.generation.places[place.id] = nil
  core.spawn(function()
    self.supervisor:remove(place.name)
    -- After what has been told of the worker.
    core.call_soon(self.news.put, self.news, { what = "removed", name = place.name })
  end)
end

local function drain_generation(self, generation)
  for _, place in pairs(generation.places) do drain_place(self, place) end
end

local function each_place(generation, test)
  for _, place in pairs(generation.places) do
    if not test(place) then return false end
  end
  return true
end

---All of a generation are ready: nobody needs the ones before.
local function complete(self, generation)
  generation.complete = true
  local before = generation.before
  generation.before = nil
  while before do
    drain_generation(self, before)
    before = before.before
  end
  if generation.number > 1 then self:log("the reload is done") end
end

local function check_complete(self, generation)
  if generation.complete or generation ~= self.current then return end
  if each_place(generation, function(one) return one.ready end) then complete(self, generation) end
end

---Brings the newest generation to as many workers as there should be.
local function adjust(self)
  local generation = self.current
  for id, place in pairs(generation.places) do
    if id > self.count then drain_place(self, place) end
  end
  for id = 1, self.count do
    if not generation.places[id] then self.supervisor:add(add_place(self, generation, id)) end
  end
  check_complete(self, generation)
end

---Every worker of a generation has ended before it was ready: the script is at fault. The number of
---workers may have changed since the one before was the newest.
local function fail(self, generation, ending)
  local before = generation.before
  if not before then
    error(("no worker of %s could start: each %s"):format(self.script, ending.text), 0)
  end
  self:log("the reload has failed, the workers before it stay: each of the new ones %s",
    ending.text)
  self.current, generation.before = before, nil
  drain_generation(self, generation)
  adjust(self)
end

-- --- news ----------------------------------------------------------------------------------------

local on = {}

function on.ready(self, event, place)
  local generation = place.generation
  place.ready, generation.begun = true, true
  self:log("worker %d is ready, pid %d", place.id, event.worker.pid)
  check_complete(self, generation)
end

function on.started(self, event, place)
  place.ready = false
  self:log("worker %d started, pid %d", place.id, event.worker.pid)
end

function on.ended(self, event, place)
  local ending, generation = event.ending, place.generation
  local pid = event.worker and event.worker.pid
  local again = event.restart_in
  self:log("worker %d%s %s%s", place.id, pid and (" (pid %d)"):format(pid) or "", ending.text,
    again and ("; another one starts in %g s"):format(again) or "")
  if not again then return end
  place.failed = place.failed or not place.ready
  place.ready = false
  if generation.begun or generation ~= self.current then return end
  if each_place(generation, function(one) return one.failed end) then
    fail(self, generation, ending)
  end
end

function on.killed(self, event, place)
  self:log("worker %d (pid %d) is killed: it did not end within %g s", place.id, event.worker.pid,
    event.after)
end

---Sockets that the newest generation did not ask for go with the last worker that might use them.
function on.removed(self, event)
  local newest = self.current
  self.places[event.name] = nil
  for _, place in pairs(self.places) do
    if place.generation ~= newest then return end
  end
  if newest.complete then self.sockets:drop_before(newest.number) end
end

local function reload(self)
  self:log("SIGHUP: %d new workers", self.count)
  for _, spec in ipairs(new_generation(self)) do self.supervisor:add(spec) end
end

local function one_more(self)
  self.count = self.count + 1
  self:log("SIGTTIN: %d workers from now on", self.count)
  adjust(self)
end

local function one_less(self)
  if self.count == 1 then return self:log("SIGTTOU: the last worker stays") end
  self.count = self.count - 1
  self:log("SIGTTOU: %d workers from now on", self.count)
  adjust(self)
end

local SIGNALS = { [SIGHUP] = reload, [SIGTTIN] = one_more, [SIGTTOU] = one_less }

function on.signal(self, event) SIGNALS[event.number](self) end

local function hear_signals(self, watch)
  while true do self.news:put { what = "signal", number = watch:get() } end
end

local function handle(self, event)
  local handler = on[event.what]
  if not handler then return end
  local place = event.name and self.places[event.name]
  if event.name and not place then return end
  handler(self, event, place)
end

-- --- its life ------------------------------------------------------------------------------------

local function start(self)
  local watch = assert(core.signal_watch(SIGHUP, SIGTTIN, SIGTTOU))
  local task = core.spawn(hear_signals, self, watch)
  task.daemon, task.name = true, "signals"
  self:log("%d workers of %s", self.count, self.script)
  local options = new_generation(self)
  options.name, options.together = "workers", true
  options.on_event = function(event) self.news:put(event) end
  self.supervisor = Supervisor(options):start()
end

---What is still told while the workers end.
local function stop(self)
  core.spawn(function()
    self.supervisor:stop()
    self.news:put { what = "stopped" }
  end)
  repeat
    local event = self.news:get()
    if event.what == "ended" or event.what == "killed" then handle(self, event) end
  until event.what == "stopped"
  self.sockets:close()
end

local function serve(self)
  start(self)
  while true do handle(self, self.news:get()) end
end

---Runs until a signal ends it, or no worker can be started.
---May wait.
---@param options { name: string, script: string, arguments: string[], workers: string,
---  grace?: string }
---@return integer status of the process
function M.main(options)
  local self = setmetatable({
    name = options.name, script = options.script, arguments = options.arguments,
    count = options.workers == "auto" and core.cpu_count() or tonumber(options.workers),
    grace = tonumber(options.grace) or GRACE,
    news = core.Queue(), places = {}, names = 0,
  }, Master)
  self.sockets = sockets.new(function(...) self:log(...) end)
  local _, err = pcall(serve, self)
  -- A signal ends the Supervisor at the same time, which then may be what fails here first.
  local calm, signalled = pcall(core.yield)
  if not calm then err = signalled end
  local told = is_cancelled(err)
  self:log("%s; the workers end", told and err.reason or err)
  if self.supervisor then core.shield(stop, self) end
  self:log("ends")
  return told and 0 or 1
end

return M
