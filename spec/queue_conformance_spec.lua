-- SPDX-License-Identifier: MIT

-- Every waiting operation of Queue x everything that can end a wait x both ways to park. Three
-- tasks wait in line and the incident happens to one of them, at each place in the line. Whatever
-- happens to it, no item may be lost or doubled and the others keep their order.
local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"

local WAITERS = 3

local OPERATIONS = {
  get = {
    queue = function() return crun.Queue() end,
    wait = function(line, _, timeout) return line.queue:get(timeout) end,
    satisfy = function(line)
      line.fed = line.fed + 1
      line.queue:put_nowait(line.fed)
    end,
    check = function(line)
      local expected = 0
      for i = 1, WAITERS do
        if line.outcomes[i] == "value" then
          expected = expected + 1
          assert.equal(expected, line.values[i])
        end
      end
      for item = expected + 1, line.closed and expected or line.fed do
        assert.equal(item, line.queue:get(0))
      end
      assert.equal(0, #line.queue)
    end,
  },
  put = {
    queue = function()
      local queue = crun.Queue(1)
      queue:put(0)
      return queue
    end,
    wait = function(line, i, timeout) return line.queue:put(i, timeout) end,
    satisfy = function(line) line.out[#line.out + 1] = line.queue:get_nowait() end,
    check = function(line)
      local expected = { 0 }
      for i = 1, WAITERS do
        if line.outcomes[i] == "value" then expected[#expected + 1] = i end
      end
      while not line.queue:empty() do line.out[#line.out + 1] = line.queue:get_nowait() end
      assert.same(expected, line.out)
    end,
  },
  join = {
    queue = function()
      local queue = crun.Queue()
      queue:put(1)
      queue:get()
      return queue
    end,
    wait = function(line, _, timeout) return line.queue:join(timeout) end,
    satisfy = function(line)
      if line.fed == 0 then line.queue:task_done() end
      line.fed = 1
    end,
    check = function(line) assert.is_true(line.queue:join(0)) end,
    ignores_close = true,
  },
}

local THROWN = {}

local function classify(ok, ...)
  local value, _, code = ...
  if ok and select("#", ...) == 1 then return "value", value end
  if ok then return code == "ETIMEDOUT" and "timeout" or code == "ECLOSED" and "closed" or code end
  if value == THROWN then return "thrown" end
  return value.reason == "picked" and "cancelled" or tostring(value)
end

local function expire() core.advance(5) end
local function cancel(line) line.subject:cancel("picked") end
local function settle() support.settle() end
local function throw(line) line.subject:throw(THROWN) end
local function close(line)
  line.closed = true
  line.queue:close()
end
local function wake(line)
  for _ = 1, line.place do line.operation.satisfy(line) end
end

--- name, options, expected outcome, the steps of one turn
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
  { "closed during", { closes = true }, "closed", close },
  { "closed during, timed", { closes = true, timeout = 9 }, "closed", close },
  { "woken, then cancelled in one turn", {}, "value", wake, cancel },
  { "cancelled, then woken in one turn", {}, "cancelled", cancel, wake },
  { "woken, then timed out in one turn", { timeout = 1 }, "value", wake, expire },
  { "due, then woken in one turn", { timeout = 1 }, "value", expire, wake },
  { "woken, then thrown into in one turn", {}, "value", wake, throw },
  { "thrown into, then woken in one turn", {}, "thrown", throw, wake },
  { "due, then cancelled in one turn", { timeout = 1 }, "cancelled", expire, cancel },
  { "cancelled, then due in one turn", { timeout = 1 }, "cancelled", cancel, expire },
  { "woken, then closed in one turn", { closes = true }, "value", wake, close },
  { "closed, then cancelled in one turn", { closes = true }, "closed", close, cancel },
  { "cancelled, then closed in one turn", { closes = true }, "cancelled", cancel, close },
  { "all at once, woken first", { timeout = 1, closes = true }, "value",
    wake, cancel, throw, expire, close },
}

local function waiter(line, i, options)
  local timeout
  if i == line.place then timeout = options.timeout end
  return crun.spawn(function()
    if i == line.place and options.before then
      crun.shield(function() crun.sleep(1) end)
    end
    line.outcomes[i], line.values[i] =
      classify(pcall(line.operation.wait, line, i, timeout))
  end)
end

local function form_line(operation, place, options)
  local line = {
    operation = operation, queue = operation.queue(), place = place,
    outcomes = {}, values = {}, tasks = {}, out = {}, fed = 0,
  }
  for i = 1, WAITERS do
    line.tasks[i] = waiter(line, i, options)
    crun.yield()
  end
  line.subject = line.tasks[place]
  if options.before then
    options.before(line)
    crun.sleep(2)
  end
  return line
end

local function serve_the_rest(line)
  support.settle()
  for i = 1, WAITERS do
    if not line.tasks[i]:done() then
      line.operation.satisfy(line)
      support.settle()
    end
  end
  assert.is_true(crun.joinall(line.tasks, 0), "somebody hangs")
end

local function play(operation, place, situation)
  local options, expected = situation[2], situation[3]
  local line = form_line(operation, place, options)
  for step = 4, #situation do situation[step](line) end
  serve_the_rest(line)
  assert.equal(expected, line.outcomes[place])
  for i = 1, WAITERS do
    if i ~= place and not line.closed then assert.equal("value", line.outcomes[i]) end
  end
  operation.check(line)
  assert.equal(0, core.stats().timers)
end

for _, name in ipairs { "get", "put", "join" } do
  local operation = OPERATIONS[name]
  describe("Queue:" .. name, function()
    for _, situation in ipairs(SITUATIONS) do
      if not (situation[2].closes and operation.ignores_close) then
        support.both(situation[1], function()
          for place = 1, WAITERS do play(operation, place, situation) end
        end)
      end
    end
  end)
end
