-- SPDX-License-Identifier: MIT

-- Every operation of the locks and their kin that may wait x everything that can end a wait x
-- both ways to park, also under seeded schedules. Three tasks wait in line and the incident happens
-- to one of them, at each place in the line. Whatever happens to it, no unit, lock or wake-up may
-- be lost or given twice, and the others go on in their order.
local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"

local WAITERS = 3
local SEEDS = 50

-- open(line): makes the object so that nobody gets in; wait(line, i, timeout): what is tested;
-- satisfy(line): lets the oldest waiter go on; release(line): by a waiter that got in;
-- check(line): nothing is lost.
local OPERATIONS = {}

local function free(line)
  assert.is_true(line.object:acquire(0))
  line.object:release()
end

for _, name in ipairs { "Lock", "RLock" } do
  OPERATIONS[name .. ":acquire"] = {
    open = function(line)
      line.object = crun[name]()
      line.object:acquire()
      line.held = true
    end,
    wait = function(line, _, timeout) return line.object:acquire(timeout) end,
    satisfy = function(line)
      if line.held then line.object:release() end
      line.held = false
    end,
    release = function(line) line.object:release() end,
    check = free,
    one = true,
  }
end

for _, name in ipairs { "Semaphore", "BoundedSemaphore" } do
  OPERATIONS[name .. ":acquire"] = {
    open = function(line)
      line.object = crun[name](WAITERS * 4)
      for _ = 1, WAITERS * 4 do line.object:acquire() end
    end,
    wait = function(line, _, timeout) return line.object:acquire(timeout) end,
    satisfy = function(line)
      line.object:release()
      line.given = line.given + 1
    end,
    release = function() end,
    check = function(line) assert.equal(line.given - line.got, line.object:value()) end,
    many = true,
  }
end

OPERATIONS["Event:wait"] = {
  open = function(line) line.object = crun.Event() end,
  wait = function(line, _, timeout) return line.object:wait(timeout) end,
  satisfy = function(line) line.object:set() end,
  release = function() end,
  check = function(line) assert.is_true(line.object:wait(0)) end,
  all = true,
}

OPERATIONS["WaitGroup:wait"] = {
  open = function(line)
    line.object = crun.WaitGroup()
    line.object:add()
  end,
  wait = function(line, _, timeout) return line.object:wait(timeout) end,
  satisfy = function(line)
    if line.object:count() > 0 then line.object:done() end
  end,
  release = function() end,
  check = function(line) assert.is_true(line.object:wait(0)) end,
  all = true,
}

for _, name in ipairs { "Lock", "RLock" } do
  local function wait(line, _, timeout)
    line.object:acquire()
    local _ <close> = setmetatable({}, { __close = function() line.object:release() end })
    return line.object:wait(timeout)
  end
  OPERATIONS["Condition:wait of " .. name] = {
    open = function(line) line.object = crun.Condition(crun[name]()) end,
    wait = wait,
    satisfy = function(line) line.object:with(line.object.notify, line.object) end,
    release = function() end,
    check = free,
    many = true,
  }
  OPERATIONS["Condition:wait_for of " .. name] = {
    open = function(line)
      line.object = crun.Condition(crun[name]())
      line.value = false
    end,
    wait = function(line, _, timeout)
      line.object:acquire()
      local _ <close> = setmetatable({}, { __close = function() line.object:release() end })
      return line.object:wait_for(function() return line.value end, timeout)
    end,
    satisfy = function(line)
      line.object:with(function()
        line.value = true
        line.object:notify_all()
      end)
    end,
    release = function() end,
    check = free,
    all = true,
    queues = true,
  }
end

OPERATIONS["RWLock:read_acquire"] = {
  open = function(line)
    line.object = crun.RWLock()
    line.object:write_acquire()
    line.held = true
  end,
  wait = function(line, _, timeout) return line.object:read_acquire(timeout) end,
  satisfy = function(line)
    if line.held then line.object:write_release() end
    line.held = false
  end,
  release = function(line) line.object:read_release() end,
  check = function(line)
    assert.is_true(line.object:write_acquire(0))
    line.object:write_release()
  end,
  all = true,
}

OPERATIONS["RWLock:write_acquire"] = {
  open = function(line)
    line.object = crun.RWLock()
    line.object:read_acquire()
    line.held = true
  end,
  wait = function(line, _, timeout) return line.object:write_acquire(timeout) end,
  satisfy = function(line)
    if line.held then line.object:read_release() end
    line.held = false
  end,
  release = function(line) line.object:write_release() end,
  check = function(line)
    assert.is_true(line.object:write_acquire(0))
    line.object:write_release()
    assert.equal("crun.RWLock: free", tostring(line.object))
  end,
  one = true,
}

local THROWN = {}

local function classify(ok, ...)
  local value, _, code = ...
  if ok and select("#", ...) == 1 then return "value", value end
  if ok then return code == "ETIMEDOUT" and "timeout" or code end
  if value == THROWN then return "thrown" end
  return value.reason == "picked" and "cancelled" or tostring(value)
end

local function expire() core.advance(5) end
local function cancel(line) line.subject:cancel("picked") end
local function throw(line) line.subject:throw(THROWN) end
local function settle() support.settle() end
local function wake(line)
  local operation = line.operation
  local times = operation.many and line.place or 1
  if operation.one and line.place > 1 then
    -- The lock reaches the subject only through those before it.
    operation.satisfy(line)
    support.settle()
    return
  end
  for _ = 1, times do operation.satisfy(line) end
end

--- name, options, expected outcome, the steps of one turn. `queued` is the outcome for who has been
--- notified and stands in line for the lock: a cancel leaves the notification to another.
local SITUATIONS = {
  { "woken", {}, "value", wake },
  { "timeout 0", { timeout = 0 }, "timeout" },
  { "negative timeout", { timeout = -1 }, "timeout" },
  { "timeout", { timeout = 1 }, "timeout", expire },
  { "woken in time", { timeout = 1 }, "value", wake, settle, expire },
  { "cancelled before", { before = cancel }, "cancelled" },
  { "cancelled before, timed", { before = cancel, timeout = 1 }, "cancelled" },
  { "cancelled during", {}, "cancelled", cancel },
  { "cancelled during, timed", { timeout = 9 }, "cancelled", cancel },
  { "thrown into during", {}, "thrown", throw },
  { "woken, then cancelled in one turn", { queued = "cancelled" }, "value", wake, cancel },
  { "cancelled, then woken in one turn", {}, "cancelled", cancel, wake },
  { "woken, then timed out in one turn", { timeout = 1 }, "value", wake, expire },
  { "woken, then thrown into in one turn", { queued = "thrown" }, "value", wake, throw },
  { "thrown into, then woken in one turn", {}, "thrown", throw, wake },
  { "due, then cancelled in one turn", { timeout = 1 }, "cancelled", expire, cancel },
  { "cancelled, then due in one turn", { timeout = 1 }, "cancelled", cancel, expire },
  { "all at once, woken first", { timeout = 1, queued = "thrown" }, "value",
    wake, cancel, throw, expire },
}

local function waiter(line, i, options)
  local timeout
  if i == line.place then timeout = options.timeout end
  return crun.spawn(function()
    if i == line.place and options.before then
      crun.shield(function() crun.sleep(1) end)
    end
    local outcome = classify(pcall(line.operation.wait, line, i, timeout))
    line.outcomes[i] = outcome
    if outcome == "value" then
      line.got = line.got + 1
      line.order[line.got] = i
      line.operation.release(line)
    end
  end)
end

local function form_line(operation, place, options)
  local line = {
    operation = operation, place = place, given = 0, got = 0,
    outcomes = {}, tasks = {}, order = {},
  }
  operation.open(line)
  for i = 1, WAITERS do
    line.tasks[i] = waiter(line, i, options)
    support.settle()
  end
  line.subject = line.tasks[place]
  if options.before then
    options.before(line)
    crun.sleep(2)
  end
  return line
end

local function serve_the_rest(line)
  support.settle(8)
  for i = 1, WAITERS do
    if not line.tasks[i]:done() then
      line.operation.satisfy(line)
      support.settle(8)
    end
  end
  assert.is_true(crun.joinall(line.tasks, 0), "somebody hangs")
end

local function in_order(line, seeded)
  if seeded then return end
  for n = 2, line.got do
    assert.is_true(line.order[n - 1] < line.order[n] or line.order[n] == line.place)
  end
end

local function play(operation, place, situation, seeded)
  local options, expected = situation[2], situation[3]
  if operation.queues and place > 1 then expected = options.queued or expected end
  local line = form_line(operation, place, options)
  for step = 4, #situation do situation[step](line) end
  serve_the_rest(line)
  assert.equal(expected, line.outcomes[place])
  for i = 1, WAITERS do
    if i ~= place then assert.equal("value", line.outcomes[i]) end
  end
  in_order(line, seeded)
  if operation.all or operation.one then operation.satisfy(line) end
  operation.check(line)
  assert.equal(0, core.stats().timers)
end

local names = {}
for name in pairs(OPERATIONS) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  local operation = OPERATIONS[name]
  describe(name, function()
    for _, situation in ipairs(SITUATIONS) do
      support.both(situation[1], function()
        for place = 1, WAITERS do play(operation, place, situation) end
      end)
    end

    support.both("all of that under seeded schedules", function()
      for seed = 1, support.scaled(SEEDS) do
        core.schedule(seed)
        for _, situation in ipairs(SITUATIONS) do
          play(operation, seed % WAITERS + 1, situation, true)
        end
      end
      core.schedule(nil)
    end)
  end)
end
