-- SPDX-License-Identifier: MIT

-- Random programs against a queue of each kind, compared with a model of a few lines: who gets
-- what, who times out, who is cancelled, what stays inside. The seed of a failing program is in the
-- message.
local core = require "crun.core"
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"

local PROGRAMS, STEPS = 150, 60

local Model = {}
Model.__index = Model

--- Some items have the same rank.
local function by_rank(a, b) return a * 7 % 10 < b * 7 % 10 end

--- The place of the item that comes out next.
local function first() return 1 end
local function last(items) return #items end
local function least(items)
  local best = 1
  for i = 2, #items do
    if by_rank(items[i], items[best]) then best = i end
  end
  return best
end

--- How to make one of a size, which item is the next, and whether an item that waited to be put
--- enters in a turn of its own.
local KINDS = {
  { name = "Queue", new = crun.Queue, next = first },
  { name = "LifoQueue", new = crun.LifoQueue, next = last },
  {
    name = "PriorityQueue", next = least, late = true,
    new = function(maxsize) return crun.PriorityQueue(by_rank, maxsize) end,
  },
}

local function new_model(kind, maxsize)
  return setmetatable({
    kind = kind, maxsize = maxsize, items = {}, getters = {}, putters = {}, outcome = {}, now = 0,
  }, Model)
end

function Model:end_wait(line, id, outcome)
  for i, wait in ipairs(self[line]) do
    if wait.id == id then
      table.remove(self[line], i)
      self.outcome[id] = outcome
      return true
    end
  end
end

function Model:full()
  return self.maxsize > 0 and #self.items >= self.maxsize
end

--- Puts for waiter `id`, or without one if that must wait: then returns "full".
function Model:put(item)
  if self.closed then return "ECLOSED" end
  local waiting = self.getters[1]
  if waiting then
    self:end_wait("getters", waiting.id, item)
  elseif self:full() then
    return "full"
  else
    table.insert(self.items, item)
  end
  return true
end

function Model:get()
  if #self.items == 0 then return self.closed and "ECLOSED" or "empty" end
  local item = table.remove(self.items, self.kind.next(self.items))
  local waiting = self.putters[1]
  if waiting then
    table.insert(self.items, waiting.item)
    self:end_wait("putters", waiting.id, true)
  end
  return item
end

function Model:fire_timers()
  for _, line in ipairs { "getters", "putters" } do
    for i = #self[line], 1, -1 do
      local wait = self[line][i]
      if wait.due and wait.due <= self.now then self:end_wait(line, wait.id, "ETIMEDOUT") end
    end
  end
end

function Model:close(discard)
  self.closed = true
  if discard then self.items = {} end
  for _, line in ipairs { "getters", "putters" } do
    while self[line][1] do self:end_wait(line, self[line][1].id, "ECLOSED") end
  end
end

local function outcome_of(ok, value, _, code)
  if not ok then return value.reason or tostring(value) end
  return code or value
end

local Actions = {}

function Actions.settle(run)
  support.settle(2)
  run.model:fire_timers()
end

--- A new waiter comes when no timer is due: who is first then is not the model's business.
local function start(run, op, timeout, item)
  Actions.settle(run)
  local id = #run.tasks + 1
  run.tasks[id] = crun.spawn(function()
    if op == "get" then
      run.outcome[id] = outcome_of(pcall(run.queue.get, run.queue, timeout))
    else
      run.outcome[id] = outcome_of(pcall(run.queue.put, run.queue, item, timeout))
    end
  end)
  support.settle(2)
  return id
end

local function pick_timeout(run)
  return run.random(3) == 1 and run.random(4) or nil
end

function Actions.getter(run)
  local timeout, model = pick_timeout(run), run.model
  local id = start(run, "get", timeout)
  local got = model:get()
  if got == "empty" then
    table.insert(model.getters, { id = id, due = timeout and model.now + timeout })
  else
    model.outcome[id] = got
  end
end

function Actions.putter(run)
  local timeout, model = pick_timeout(run), run.model
  run.item = run.item + 1
  local id = start(run, "put", timeout, run.item)
  local put = model:put(run.item)
  if put == "full" then
    table.insert(model.putters,
      { id = id, item = run.item, due = timeout and model.now + timeout })
  else
    model.outcome[id] = put
  end
end

function Actions.put_nowait(run)
  run.item = run.item + 1
  local ok, _, code = run.queue:put_nowait(run.item)
  local expected = run.model:put(run.item)
  assert.equal(expected == "full" and "EAGAIN" or expected, code or ok)
end

function Actions.get_nowait(run)
  local value, _, code = run.queue:get_nowait()
  local expected = run.model:get()
  assert.equal(expected == "empty" and "EAGAIN" or expected, code or value)
  if run.model.kind.late then Actions.settle(run) end
end

function Actions.cancel(run)
  if #run.tasks == 0 then return end
  local id = run.random(#run.tasks)
  run.tasks[id]:cancel("cancelled")
  local _ = run.model:end_wait("getters", id, "cancelled")
    or run.model:end_wait("putters", id, "cancelled")
end

function Actions.advance(run)
  local seconds = run.random(2)
  core.advance(seconds)
  run.model.now = run.model.now + seconds
end

function Actions.close(run)
  if run.random(15) ~= 1 then return end
  local discard = run.random(2) == 1
  run.queue:close(discard)
  run.model:close(discard)
end

local NAMES = {
  "getter", "putter", "getter", "putter", "put_nowait", "get_nowait", "put_nowait", "get_nowait",
  "cancel", "advance", "settle", "close",
}

local function finish(run)
  Actions.settle(run)
  for id, task in ipairs(run.tasks) do
    assert.equal(run.model.outcome[id] ~= nil, task:done(), "task " .. id)
    assert.equal(run.model.outcome[id], run.outcome[id], "task " .. id)
  end
  assert.equal(#run.model.items, #run.queue)
  crun.killall(run.tasks)
  run.model.putters = {}
  while not run.queue:empty() do
    assert.equal(run.model:get(), (run.queue:get_nowait()))
  end
end

local function program(kind, seed)
  local generator = random.new(seed)
  local maxsize = generator(4) - 1
  local run = {
    random = generator, model = new_model(kind, maxsize), queue = kind.new(maxsize),
    tasks = {}, outcome = {}, item = 0,
  }
  local trace = {}
  local ok, err = pcall(function()
    for _ = 1, STEPS do
      local name = NAMES[generator(#NAMES)]
      trace[#trace + 1] = name
      Actions[name](run)
    end
    finish(run)
  end)
  if not ok then
    crun.killall(run.tasks)
    error(("seed %d, after %s: %s"):format(seed, table.concat(trace, " "),
      tostring(type(err) == "table" and err.message or err)), 0)
  end
end

for _, kind in ipairs(KINDS) do
  describe("random programs against a " .. kind.name, function()
    support.both("do what the model does", function()
      for seed = 1, support.scaled(PROGRAMS) do program(kind, seed) end
    end)
  end)
end
