-- SPDX-License-Identifier: MIT

local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function arrive(barrier, count, outcomes, timeout)
  local tasks = {}
  for i = 1, count do
    tasks[i] = crun.spawn(function()
      outcomes[i] = table.pack(pcall(barrier.wait, barrier, timeout))
    end)
  end
  crun.yield()
  return tasks
end

local function codes(outcomes)
  local list = {}
  for i, outcome in ipairs(outcomes) do list[i] = outcome[4] or outcome[2] end
  return list
end

describe("Barrier", function()
  it("of one lets everybody through", function()
    local barrier = crun.Barrier(1)
    assert.equal(1, barrier:wait())
    assert.equal(1, barrier:wait(0))
  end)

  it("says what it is", function()
    local barrier, outcomes = crun.Barrier(3), {}
    local tasks = arrive(barrier, 2, outcomes)
    assert.equal("crun.Barrier: 2 of 3 waiting", tostring(barrier))
    assert.equal(3, barrier:parties())
    assert.equal(2, barrier:n_waiting())
    barrier:abort()
    crun.joinall(tasks)
    assert.equal("crun.Barrier: 0 of 3 waiting, broken", tostring(barrier))
  end)

  both("runs its action once a round, by the last, before the others go on", function()
    local log = support.log()
    local barrier = crun.Barrier(3, function() log("action of " .. crun.current().name) end)
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        for _ = 1, 2 do
          barrier:wait()
          log(crun.current().name)
        end
      end)
      tasks[i].name = "t" .. i
    end
    crun.joinall(tasks)
    assert.equal("action of t3", log[1])
    local actions = select(2, log:text():gsub("action", ""))
    assert.equal(2, actions)
    for i = 2, 4 do assert.is_nil(log[i]:find("action")) end
  end)

  both("takes those who come while the action waits into the next round", function()
    local actions = 0
    local barrier = crun.Barrier(2, function()
      actions = actions + 1
      crun.sleep(1)
    end)
    local outcomes = {}
    local tasks = arrive(barrier, 7, outcomes)
    crun.sleep(10)
    assert.equal(3, actions)
    assert.equal(1, barrier:n_waiting())
    assert.equal(2, barrier:wait())
    crun.joinall(tasks)
    assert.same({ 1, 2, 1, 2, 1, 2, 1 }, codes(outcomes))
  end)

  both("is broken by an action that fails", function()
    local barrier = crun.Barrier(3, function() error("action", 0) end)
    local outcomes = {}
    local tasks = arrive(barrier, 2, outcomes)
    assert.equal("action", support.raised(barrier.wait, barrier))
    crun.joinall(tasks)
    assert.same({ "EBROKEN", "EBROKEN" }, codes(outcomes))
    assert.is_true(barrier:broken())
  end)

  both("is broken by an action that is cancelled", function()
    local barrier = crun.Barrier(2, function() crun.sleep(9) end)
    local outcomes = {}
    local tasks = arrive(barrier, 2, outcomes)
    crun.sleep(1)
    tasks[2]:cancel("in the action")
    crun.joinall(tasks)
    assert.equal("EBROKEN", codes(outcomes)[1])
    assert.equal("in the action", outcomes[2][2].reason)
  end)

  for _, deed in ipairs { "abort", "reset" } do
    both("lets the action end but not open the round after " .. deed, function()
      local barrier = crun.Barrier(2, function() crun.sleep(5) end)
      local outcomes = {}
      local tasks = arrive(barrier, 3, outcomes)
      crun.sleep(1)
      barrier[deed](barrier)
      crun.joinall(tasks)
      assert.same({ "EBROKEN", "EBROKEN", "EBROKEN" }, codes(outcomes))
      assert.equal(deed == "abort", barrier:broken())
    end)
  end

  both("can be used for a new round while the action of one that was reset still runs", function()
    local slow = true
    local barrier = crun.Barrier(2, function()
      if slow then
        slow = false
        crun.sleep(5)
        error("late", 0)
      end
    end)
    local first, second = {}, {}
    local tasks = arrive(barrier, 2, first)
    crun.sleep(1)
    barrier:reset()
    local others = arrive(barrier, 2, second)
    crun.joinall(others)
    crun.joinall(tasks)
    assert.same({ "EBROKEN", "late" }, codes(first))
    assert.same({ 1, 2 }, codes(second))
    assert.is_false(barrier:broken())
  end)

  local INCIDENTS = {
    cancelled = function(task) task:cancel() end,
    ["thrown into"] = function(task) task:throw("out") end,
    ["out of time"] = function() core.advance(5) end,
  }

  for name, incident in pairs(INCIDENTS) do
    both("is broken, and nobody hangs, when a waiter is " .. name, function()
      for place = 1, 3 do
        local barrier, outcomes, tasks = crun.Barrier(4), {}, {}
        for i = 1, 3 do
          tasks[i] = crun.spawn(function()
            outcomes[i] = table.pack(pcall(barrier.wait, barrier, i == place and 1 or nil))
          end)
        end
        crun.yield()
        incident(tasks[place])
        support.settle()
        assert.is_true(crun.joinall(tasks, 0))
        for i = 1, 3 do
          if i ~= place then assert.equal("EBROKEN", outcomes[i][4]) end
        end
        assert.equal("EBROKEN", select(3, barrier:wait(0)))
      end
    end)

    both("opens when the last comes before a waiter is " .. name .. ", in one turn", function()
      for place = 1, 2 do
        local barrier, outcomes = crun.Barrier(3), {}
        local tasks = arrive(barrier, 2, outcomes, 1)
        assert.equal(3, barrier:wait())
        incident(tasks[place])
        support.settle()
        assert.is_true(crun.joinall(tasks, 0))
        assert.same({ 1, 2 }, codes(outcomes))
        assert.is_false(barrier:broken())
      end
    end)
  end

  both("is broken by one who comes cancelled", function()
    local barrier, outcomes = crun.Barrier(2), {}
    local tasks = arrive(barrier, 1, outcomes)
    local late = crun.spawn(function()
      crun.shield(function() crun.sleep(1) end)
      barrier:wait()
    end)
    crun.yield()
    late:cancel()
    crun.joinall { tasks[1], late }
    -- Coming last needs no wait, so the cancel comes too late for it.
    assert.same({ 1 }, codes(outcomes))
    local alone = crun.Barrier(2)
    local doomed = crun.spawn(function()
      crun.shield(function() crun.sleep(1) end)
      alone:wait()
    end)
    crun.yield()
    doomed:cancel()
    doomed:join()
    assert.is_true(alone:broken())
  end)
end)
