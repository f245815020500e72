-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function waiter(event, name, log)
  return crun.spawn(function()
    assert(event:wait())
    log(name)
  end)
end

describe("laws of events:", function()
  it("law 52: a wait on a set event returns true at once, without a switch", function()
    local ran = false
    local other = crun.spawn(function() ran = true end)
    local event = crun.Event()
    event:set()
    assert.is_true(event:wait())
    assert.is_true(event:wait(0))
    assert.is_false(ran)
    other:join()
  end)

  both("law 53: set wakes every waiter once, in their order, and the event stays set", function()
    local event, log, tasks = crun.Event(), support.log(), {}
    for i = 1, 4 do tasks[i] = waiter(event, i, log) end
    support.settle()
    assert.equal("", log:text())
    event:set()
    event:set()
    crun.joinall(tasks)
    assert.equal("1 2 3 4", log:text())
    assert.is_true(event:is_set())
    assert.is_true(event:wait(0))
  end)

  both("law 54: set and clear before any of them ran wakes 1, 100, 1000 waiters", function()
    for _, count in ipairs { 1, 100, support.scaled(1000) } do
      local event, log, tasks = crun.Event(), support.log(), {}
      for i = 1, count do tasks[i] = waiter(event, i, log) end
      crun.yield()
      event:set()
      event:clear()
      assert.is_true(crun.joinall(tasks, 1))
      assert.equal(count, #log)
      assert.is_false(event:is_set())
      assert.is_nil((event:wait(0)))
    end
  end)

  both("law 55: a waiter that clears and waits again waits for the next set", function()
    local event, rounds = crun.Event(), 0
    local task = crun.spawn(function()
      for _ = 1, 2 do
        event:wait()
        event:clear()
        rounds = rounds + 1
      end
    end)
    local other = crun.spawn(function() event:wait() end)
    support.settle()
    event:set()
    support.settle()
    assert.equal(1, rounds)
    assert.is_true(other:done())
    event:set()
    task:join()
    assert.equal(2, rounds)
  end)

  both("law 56: wait(t) is false without an error when the time is up, and never early", function()
    local event, start = crun.Event(), crun.now()
    local ok, message, code = event:wait(2)
    assert.is_nil(ok)
    assert.equal("ETIMEDOUT", code)
    assert.equal("ETIMEDOUT: timed out", message)
    support.took(start, 2)
    crun.spawn(function()
      crun.sleep(1)
      event:set()
    end)
    start = crun.now()
    assert.is_true(event:wait(5))
    support.took(start, 1)
  end)
end)

describe("Event", function()
  it("says what it is", function()
    local event = crun.Event()
    assert.equal("crun.Event: not set, 0 waiting", tostring(event))
    local task = crun.spawn(function() event:wait() end)
    crun.yield()
    assert.equal("crun.Event: not set, 1 waiting", tostring(event))
    event:set()
    assert.equal("crun.Event: set, 0 waiting", tostring(event))
    task:join()
  end)

  it("refuses what is no timeout", function()
    local event = crun.Event()
    support.refuses({ "bad argument", "seconds or nil expected", "soon" },
      function() event:wait("soon") end)
    support.refuses({ "seconds or nil expected" }, function() event:wait(0 / 0) end)
    support.refuses({ "crun.Event expected" }, function() event.wait(crun.Lock()) end)
  end)
end)
