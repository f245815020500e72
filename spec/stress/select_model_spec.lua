-- SPDX-License-Identifier: MIT

-- Random programs of tasks that put, get and select over the same few queues and channels, with
-- timeouts and cancels; in the end every item must have come out once, or be inside, or still be
-- with the one who gave up. The seed of a failing program is in the message.
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"
local testing = require "crun.testing"

local PROGRAMS, WORKERS, STEPS = 60, 8, 40

local MAKERS = {
  function() return { crun.Queue(1), "get", "put" } end,
  function() return { crun.Queue(3), "get", "put" } end,
  function() return { crun.LifoQueue(2), "get", "put" } end,
  function(less) return { crun.PriorityQueue(less, 2), "get", "put" } end,
  function() return { crun.Channel(), "recv", "send" } end,
  function() return { crun.Channel(), "recv", "send" } end,
  function() return { crun.Channel(2), "recv", "send" } end,
}

--- Items are numbers, or tables, which a queue has to anchor.
local function number_of(item)
  return type(item) == "table" and item.n or item
end

local function less(a, b)
  return number_of(a) < number_of(b)
end

local Run = {}
Run.__index = Run

local function new_run(seed)
  local run = setmetatable({
    random = random.new(seed), places = {}, sent = {}, got = {}, next_item = 0,
    lock = crun.Lock(), units = crun.Semaphore(2), workers = {}, tables = seed % 2 == 0,
  }, Run)
  for i, make in ipairs(MAKERS) do run.places[i] = make(less) end
  return run
end

function Run:new_item()
  self.next_item = self.next_item + 1
  return self.tables and { n = self.next_item } or self.next_item
end

function Run:put_case(item)
  local place = self.places[self.random(#self.places)]
  return { place[1], place[3], item }
end

function Run:get_case()
  local place = self.places[self.random(#self.places)]
  return { place[1], place[2] }
end

--- An item that came out.
function Run:note(item)
  local n = number_of(item)
  if self.got[n] then error(("item %d came out twice"):format(n)) end
  self.got[n] = true
  self.count = (self.count or 0) + 1
end

local function is_put(case)
  return case[2] == "put" or case[2] == "send"
end

--- Cases of all sorts, and the items of those that put.
function Run:cases()
  local cases, items = { timeout = self.random(3) > 1 and self.random(4) or nil }, {}
  for i = 1, self.random(5) do
    local what = self.random(8)
    if what <= 3 then
      items[i] = self:new_item()
      cases[i] = self:put_case(items[i])
    elseif what <= 6 then
      cases[i] = self:get_case()
    elseif what == 7 then
      cases[i] = self.random(2) == 1 and { self.lock } or { self.units }
    else
      cases[i] = { self.random(5) }
    end
  end
  cases.timeout = cases.timeout or 20
  return cases, items
end

--- Only the item of the chosen case has been put: the others must never come out.
function Run:select(cases, items)
  local ok, index, value, code = pcall(crun.select, cases)
  local chosen = ok and index and cases[index]
  for i, item in pairs(items) do
    self.sent[number_of(item)] = chosen == cases[i]
  end
  if not ok then error(index, 0) end
  if not chosen then
    assert(code == "ETIMEDOUT", code)
  elseif chosen[1] == self.lock or chosen[1] == self.units then
    crun.shield(crun.sleep, 0.5)
    chosen[1]:release()
  elseif type(chosen[1]) == "userdata" and not is_put(chosen) then
    self:note(value)
  end
end

function Run:plain()
  local case = self.random(2) == 1 and self:get_case() or self:put_case(self:new_item())
  local object, verb, item = case[1], case[2], case[3]
  if item then
    local ok, put = pcall(object[verb], object, item, self.random(4))
    self.sent[number_of(item)] = ok and put == true
    if not ok then error(put, 0) end
  else
    local got = object[verb](object, self.random(4))
    if got then self:note(got) end
  end
end

function Run:work()
  for _ = 1, STEPS do
    if self.random(4) == 1 then
      self:plain()
    else
      self:select(self:cases())
    end
    if self.random(3) == 1 then crun.yield() end
  end
end

function Run:start(i)
  self.workers[i] = crun.spawn(self.work, self)
end

--- Cancels a worker now and then, in the middle of whatever it waits for; another takes its place.
function Run:disturb()
  for _ = 1, STEPS do
    crun.sleep(self.random(3))
    local i = self.random(WORKERS)
    if self.random(3) == 1 then
      self.workers[i]:cancel("disturbed")
      self.workers[i]:join()
      self:start(i)
    end
  end
end

function Run:drain()
  for _, place in ipairs(self.places) do
    local object, take = place[1], place[1][place[2] .. "_nowait"]
    local item, message = take(object)
    while item do
      self:note(item)
      item, message = take(object)
    end
    assert(message)
  end
end

function Run:check()
  for item = 1, self.next_item do
    local sent, got = self.sent[item], self.got[item] or false
    if sent ~= got then
      error(("item %d: %s, but %s"):format(item, sent and "sent" or "not sent",
        got and "it came out" or "it never came out"))
    end
  end
  assert(self.lock:acquire(0))
  self.lock:release()
  assert(self.units:value() == 2)
  assert(self.count > STEPS)
end

local function play(seed)
  local run = new_run(seed)
  testing.seed(seed)
  for i = 1, WORKERS do run:start(i) end
  run:disturb()
  for _, worker in ipairs(run.workers) do
    worker:join()
    local err = worker:exception()
    if err and err.reason ~= "disturbed" then error(err, 0) end
  end
  testing.seed(nil)
  run:drain()
  run:check()
end

describe("random programs of selects", function()
  support.both("lose nothing and give nothing twice", function()
    for seed = 1, support.scaled(PROGRAMS) do
      local ok, err = pcall(play, seed)
      testing.seed(nil)
      if not ok then error(("seed %d: %s"):format(seed, tostring(err)), 0) end
    end
  end)
end)
