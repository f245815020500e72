-- SPDX-License-Identifier: MIT
--
-- A place of a Supervisor: one worker at a time, and the task that keeps it alive. Everything that
-- happens to the place goes through its inbox, so no two things happen to it at once.

local core = require "crun.core"
local ending = require "crun.supervisor.ending"

local lasting = core.remote.lasting

---@class crun.Supervisor.Place
---@field name string
---@field policy crun.Supervisor.Policy
---@field state "starting"|"running"|"waiting"|"stopping"|"ended"
---@field worker any the one that lives, or lived last
---@field restarts integer
---@field kept boolean it has a task
---@field asked boolean it is to end
---@field begun crun.Event set when the first worker has started, or could not be
---@field over crun.Event set when nothing more will happen here
---@field ending? crun.Supervisor.Ending of the last worker
local Place = {}
Place.__index = Place

local M = {}

---@param spec crun.Supervisor.Spec
---@param name string
---@param make fun(name: string): any an unstarted worker
---@param tell fun(place: crun.Supervisor.Place, event: string, details?: table)
---@return crun.Supervisor.Place
function M.new(spec, name, make, tell)
  return setmetatable({
    name = name, spec = spec, policy = spec.policy, make = make, tell = tell,
    state = "starting", restarts = 0,
    row = 0, -- restarts since the worker was last healthy
    recent = {}, -- when the restarts within the period were
    stopping = false, kept = false, asked = false,
    inbox = core.Queue(),
    begun = core.Event(), over = core.Event(),
  }, Place)
end

-- --- one worker's life ---------------------------------------------------------------------------

---A start that has failed may have left something that lives, or is about to end. Of one that has
---not come so far, join says that it has not been started.
local function drop(worker)
  if not worker.is_alive then return end
  if worker:is_alive() and worker.kill then worker:kill() end
  pcall(worker.join, worker)
end

local function make_and_start(self)
  local worker = self.make(self.name)
  if worker == nil then error("'make' has returned no worker", 0) end
  local ok, started, message = pcall(worker.start, worker)
  if ok and (started ~= nil or message == nil) then return worker end
  drop(worker)
  error(ok and message or started, 0)
end

---Starts a task that no signal cancels, not even before its first turn: when the whole program is
---cancelled, there is still work to do here. It ends before the program, for the Supervisor waits.
local function spawn_lasting(name, fn, ...)
  local task
  for _ = 1, 2 do -- the signal, of which there is one, may be acted upon between these lines
    task = core.spawn(core.shield, fn, ...)
    lasting(task)
    if not task:done() then break end
  end
  task.name = name
  return task
end

---Has the worker's end put into the inbox.
local function watch(self, worker)
  spawn_lasting(("watcher of %s"):format(self.name), function()
    local ok, err = pcall(worker.join, worker)
    self.inbox:put(ok and "ended" or ending.unstarted(err))
  end)
end

---Starts a worker. May wait.
local function begin(self)
  self.state, self.ending, self.since = "starting", nil, nil
  local ok, worker = pcall(core.shield, make_and_start, self)
  if not ok then
    self.inbox:put(ending.unstarted(worker))
    return
  end
  self.worker, self.state, self.since = worker, "running", core.now()
  self.tell(self, "started")
  watch(self, worker)
end

local function ending_of(self, news)
  return type(news) == "table" and news or ending.of(self.worker)
end

---Ends the worker: it is asked to, and killed when the time for that is up.
local function end_worker(self)
  local worker, seconds = self.worker, self.policy.shutdown
  self.state = "stopping"
  self.tell(self, "stopping")
  if worker.terminate then worker:terminate() else worker:cancel() end
  local news = self.inbox:get(seconds < math.huge and seconds or nil)
  if not news and worker.kill then
    self.tell(self, "killed", { after = seconds })
    worker:kill()
  end
  return news or self.inbox:get()
end

---Waits until the worker has ended, or ends it once that is asked for.
local function live(self)
  local news = self.inbox:get()
  if news == "stop" then
    self.stopping = true
    if self.state ~= "running" then return { ok = true, text = "not started" } end
    news = end_worker(self)
  end
  return ending_of(self, news)
end

-- --- the policy ----------------------------------------------------------------------------------

local function is_wanted(self)
  local restart = self.policy.restart
  return restart == "always" or restart == "on-failure" and not self.ending.ok
end

---Counts one more restart, unless there were too many within the period.
local function count_restart(self)
  local policy, now, kept = self.policy, core.now(), {}
  for _, at in ipairs(self.recent) do
    if at > now - policy.period then kept[#kept + 1] = at end
  end
  self.recent = kept
  if policy.max_restarts and #kept >= policy.max_restarts then return false end
  if policy.max_restarts then kept[#kept + 1] = now end
  self.restarts = self.restarts + 1
  return true
end

local MOST_DOUBLINGS = 1023 -- that are a number

---Exponential back-off: the seconds before the next start.
local function next_delay(self)
  local policy = self.policy
  if self.since and core.now() - self.since >= policy.healthy then self.row = 0 end
  self.row = self.row + 1
  local factor = 2.0 ^ math.min(self.row - 1, MOST_DOUBLINGS)
  return math.min(policy.backoff_max, policy.backoff * factor)
end

local function decide(self)
  if self.stopping or not is_wanted(self) then
    self.tell(self, "ended", { ending = self.ending })
    return nil
  end
  if not count_restart(self) then
    self.tell(self, "gave up", { ending = self.ending })
    return nil
  end
  local delay = next_delay(self)
  self.tell(self, "ended", { ending = self.ending, restart_in = delay })
  return delay
end

---Waits out the back-off. Returns: whether to go on.
local function pause(self, delay)
  self.state = "waiting"
  self.stopping = self.inbox:get(delay) == "stop"
  return not self.stopping
end

---Also when a method of the worker raises, which then is the failure of the place's task.
local function leave(self)
  self.state = "ended"
  self.begun:set()
  self.over:set()
  self.tell(self, "over")
end

local function keep(self)
  local _ <close> = setmetatable({}, { __close = function() leave(self) end })
  repeat
    begin(self)
    self.begun:set()
    self.ending = live(self)
    local delay = decide(self)
  until not delay or not pause(self, delay)
end

---A signal that is acted upon halfway would leave a place that waits for its keeper for ever.
local function start_keeper(self)
  self.kept = true
  spawn_lasting(("keeper of %s"):format(self.name), keep, self)
end

---Starts a worker and keeps it alive, in a task of its own, which no cancel reaches: places are
---ended in order, by the Supervisor.
function Place:keep()
  core.shield(start_keeper, self)
end

---Asks for the end. Never waits: see `over`, which comes if it is kept.
function Place:stop()
  if self.asked then return end
  self.asked = true
  self.inbox:put("stop")
end

return M
