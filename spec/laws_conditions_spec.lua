-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local LOCKS = { "Lock", "RLock" }

local function waiters(condition, count, log)
  local tasks = {}
  for i = 1, count do
    tasks[i] = crun.spawn(function()
      local _ <close> = condition:hold()
      condition:wait()
      log(i)
    end)
    crun.yield()
  end
  return tasks
end

describe("laws of conditions:", function()
  it("law 73: wait, notify and notify_all without the lock raise", function()
    local condition = crun.Condition()
    for _, name in ipairs { "wait", "notify", "notify_all" } do
      support.refuses({ name .. " needs the Condition's lock, which nobody holds" },
        function() condition[name](condition) end)
    end
    support.refuses({ "wait_for needs the Condition's lock" },
      function() condition:wait_for(function() return true end) end)
    local other = crun.spawn(function() condition:with(crun.sleep, 1) end)
    crun.yield()
    support.refuses({ "which task#", "holds" }, function() condition:notify() end)
    other:cancel()
    other:join()
  end)

  for _, name in ipairs(LOCKS) do
    both("law 74: wait gives the lock up and holds it again, however it ends: " .. name, function()
      local lock = crun[name]()
      local condition = crun.Condition(lock)
      local ends = {
        notify = function() condition:with(condition.notify, condition) end,
        timeout = function() crun.sleep(5) end,
        cancel = function(task) task:cancel() end,
        throw = function(task) task:throw("thrown") end,
      }
      for how, act in pairs(ends) do
        local held_after, ok
        local task = crun.spawn(function()
          lock:acquire()
          ok = pcall(condition.wait, condition, how == "timeout" and 3 or nil)
          held_after = pcall(lock.release, lock)
        end)
        crun.yield()
        assert.is_false(lock:locked())
        act(task)
        task:join()
        assert.is_true(held_after, how)
        assert.equal(how == "notify" or how == "timeout", ok, how)
        assert.is_false(lock:locked())
      end
    end)
  end

  both("law 74: an RLock is held as often as before", function()
    local lock = crun.RLock()
    local condition = crun.Condition(lock)
    local text
    local task = crun.spawn(function()
      lock:acquire()
      lock:acquire()
      lock:acquire()
      condition:wait()
      text = tostring(lock)
      for _ = 1, 3 do lock:release() end
    end)
    crun.yield()
    assert.is_true(lock:acquire(0))
    condition:notify()
    lock:release()
    task:join()
    assert.matches("3 times", text)
    assert.is_false(lock:locked())
  end)

  both("law 75: notify(n) wakes exactly n, the oldest first, and is not stored", function()
    local condition, log = crun.Condition(), support.log()
    condition:with(condition.notify, condition, 3)
    local tasks = waiters(condition, 5, log)
    support.settle()
    assert.equal("", log:text())
    condition:with(condition.notify, condition, 2)
    support.settle()
    assert.equal("1 2", log:text())
    condition:with(condition.notify, condition, 0)
    support.settle()
    assert.equal("1 2", log:text())
    condition:with(condition.notify, condition)
    support.settle()
    assert.equal("1 2 3", log:text())
    condition:with(condition.notify_all, condition)
    crun.joinall(tasks)
    assert.equal("1 2 3 4 5", log:text())
  end)

  both("law 75: more than there are wakes all", function()
    local condition, log = crun.Condition(crun.Lock()), support.log()
    local tasks = waiters(condition, 3, log)
    condition:with(condition.notify, condition, 100)
    crun.joinall(tasks)
    assert.equal("1 2 3", log:text())
  end)

  both("law 76: a notified task goes on only after the notifier released the lock", function()
    local condition, log = crun.Condition(), support.log()
    local tasks = waiters(condition, 2, log)
    condition:acquire()
    condition:notify_all()
    crun.sleep(1)
    log "still held"
    condition:release()
    crun.joinall(tasks)
    assert.equal("still held 1 2", log:text())
  end)

  both("law 76: once notified, no timeout counts any more", function()
    local condition = crun.Condition()
    local task = crun.spawn(function()
      local _ <close> = condition:hold()
      return condition:wait(1)
    end)
    crun.yield()
    condition:acquire()
    condition:notify()
    crun.sleep(5)
    condition:release()
    assert.is_true(task:get())
  end)

  both("law 77: a waiter killed after it was notified passes the wake-up on", function()
    local condition, log = crun.Condition(), support.log()
    local tasks = waiters(condition, 3, log)
    condition:acquire()
    condition:notify()
    tasks[1]:cancel("late")
    condition:release()
    crun.sleep(1)
    assert.equal("2", log:text())
    assert.is_true(tasks[1]:cancelled())
    assert.is_false(tasks[3]:done())
    condition:with(condition.notify, condition)
    tasks[3]:join()
  end)

  both("law 77: so it does when all but the last are killed", function()
    local condition, log = crun.Condition(), support.log()
    local tasks = waiters(condition, 4, log)
    condition:acquire()
    condition:notify(2)
    tasks[1]:cancel()
    tasks[2]:cancel()
    tasks[3]:cancel()
    condition:release()
    crun.sleep(1)
    assert.equal("4", log:text())
    crun.joinall(tasks)
    assert.is_true(condition:acquire(0))
    condition:release()
  end)

  both("law 78: waiting for a predicate", function()
    local condition, value, calls = crun.Condition(), nil, 0
    local function predicate()
      calls = calls + 1
      return value
    end
    local task = crun.spawn(function()
      local _ <close> = condition:hold()
      return condition:wait_for(predicate), condition:wait_for(predicate)
    end)
    crun.yield()
    assert.equal(1, calls)
    condition:with(condition.notify, condition)
    support.settle()
    assert.equal(2, calls)
    assert.is_false(task:done())
    condition:with(function()
      value = "there"
      condition:notify()
    end)
    local first, second = task:get()
    assert.equal("there", first)
    assert.equal("there", second)
    assert.equal(4, calls)
  end)

  both("law 78: with one timeout for all rounds", function()
    local condition, start = crun.Condition(), crun.now()
    local prodder = crun.spawn(function()
      for _ = 1, 4 do
        crun.sleep(1)
        condition:with(condition.notify, condition)
      end
    end)
    condition:acquire()
    local value, _, code = condition:wait_for(function() return false end, 2.5)
    assert.is_nil(value)
    assert.equal("ETIMEDOUT", code)
    support.took(start, 2.5)
    condition:release()
    prodder:join()
  end)

  both("law 78: a predicate may wait, and what it raises leaves the lock held", function()
    local condition, rounds = crun.Condition(), 0
    condition:acquire()
    assert.equal(3, condition:wait_for(function()
      crun.sleep(1)
      rounds = rounds + 1
      if rounds < 3 then crun.spawn(condition.with, condition, condition.notify, condition) end
      return rounds == 3 and rounds
    end))
    assert.equal("mine", support.raised(condition.wait_for, condition, function()
      error("mine", 0)
    end))
    condition:release()
  end)
end)

describe("laws of barriers:", function()
  both("law 79: nobody passes before the last; each gets a different number", function()
    local barrier, indices, tasks = crun.Barrier(3), {}, {}
    for i = 1, 3 do
      if i == 3 then
        support.settle()
        assert.same({}, indices)
        assert.equal(2, barrier:n_waiting())
      end
      tasks[i] = crun.spawn(function() indices[i] = barrier:wait() end)
    end
    crun.joinall(tasks)
    assert.same({ 1, 2, 3 }, indices)
  end)

  both("law 79: a fast task cannot slip through the next round twice", function()
    local barrier, log, tasks = crun.Barrier(2), support.log(), {}
    for name in ("ab"):gmatch(".") do
      tasks[#tasks + 1] = crun.spawn(function()
        for round = 1, 3 do
          log(name .. round)
          barrier:wait()
          if name == "b" then crun.sleep(1) end
        end
      end)
    end
    crun.joinall(tasks)
    local seen = { a = 0, b = 0 }
    for _, event in ipairs(log) do
      local name = event:sub(1, 1)
      seen[name] = seen[name] + 1
      assert.is_true(math.abs(seen.a - seen.b) <= 1)
    end
  end)

  for how, leave in pairs {
    ["a killed waiter"] = function(_, task) task:cancel() end,
    ["one whose time is up"] = function() crun.sleep(5) end,
    ["abort"] = function(barrier) barrier:abort() end,
  } do
    both("law 80: " .. how .. " breaks the barrier; none hangs", function()
      local barrier, codes, tasks = crun.Barrier(4), {}, {}
      for i = 1, 3 do
        tasks[i] = crun.spawn(function()
          codes[i] = select(3, barrier:wait(i == 2 and 3 or nil))
        end)
      end
      crun.yield()
      leave(barrier, tasks[2])
      crun.joinall(tasks)
      assert.is_true(barrier:broken())
      assert.equal("EBROKEN", codes[1])
      assert.equal("EBROKEN", codes[3])
      assert.equal("EBROKEN", select(3, barrier:wait()))
      barrier:reset()
      assert.is_false(barrier:broken())
      assert.equal("ETIMEDOUT", select(3, barrier:wait(0)))
    end)
  end

  both("law 80: reset gives who waits an error and makes it whole", function()
    local barrier, code = crun.Barrier(2), nil
    local task = crun.spawn(function() code = select(3, barrier:wait()) end)
    crun.yield()
    barrier:reset()
    local index
    local second = crun.spawn(function() index = barrier:wait() end)
    assert.equal(1, barrier:wait())
    crun.joinall { task, second }
    assert.equal("EBROKEN", code)
    assert.equal(2, index)
  end)
end)
