-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function taker(lock, name, log)
  return crun.spawn(function()
    if lock:acquire() then
      log(name)
      crun.yield()
      lock:release()
    end
  end)
end

--- So many tasks that take a unit each and do not give it back.
local function keepers(n, semaphore, log)
  local tasks = {}
  for i = 1, n do
    tasks[i] = crun.spawn(function()
      semaphore:acquire()
      log(i)
    end)
  end
  return tasks
end

describe("laws of locks:", function()
  for _, name in ipairs { "Lock", "RLock", "Semaphore", "BoundedSemaphore" } do
    both("law 59: granted in the order of asking: " .. name, function()
      local lock, log, tasks = crun[name](1), support.log(), {}
      lock:acquire()
      for i = 1, 5 do tasks[i] = taker(lock, i, log) end
      crun.yield()
      lock:release()
      crun.joinall(tasks)
      assert.equal("1 2 3 4 5", log:text())
      assert.is_true(lock:acquire(0))
      lock:release()
    end)

    both("law 60: release hands over, the releaser's own try fails: " .. name, function()
      local lock, log = crun[name](1), support.log()
      lock:acquire()
      local task = taker(lock, "other", log)
      crun.yield()
      lock:release()
      assert.equal("", log:text())
      assert.equal("ETIMEDOUT", select(3, lock:acquire(0)))
      task:join()
      assert.equal("other", log:text())
    end)

    both("law 61: who releases and acquires in a loop lets the others in: " .. name, function()
      local lock, turns, stop = crun[name](1), 0, false
      local greedy = crun.spawn(function()
        while not stop do
          lock:acquire()
          crun.yield()
          lock:release()
        end
      end)
      crun.yield()
      for _ = 1, 10 do
        assert.is_true(lock:acquire(1))
        turns = turns + 1
        lock:release()
      end
      stop = true
      greedy:join()
      assert.equal(10, turns)
    end)

    both("law 65: release passes over killed waiters: " .. name, function()
      local lock, log, tasks = crun[name](1), support.log(), {}
      lock:acquire()
      for i = 1, 4 do tasks[i] = taker(lock, i, log) end
      crun.yield()
      tasks[1]:cancel()
      tasks[3]:cancel()
      lock:release()
      crun.joinall(tasks)
      assert.equal("2 4", log:text())
    end)

    both("law 66: a waiter killed after it was chosen passes it on: " .. name, function()
      local lock, log = crun[name](1), support.log()
      lock:acquire()
      local chosen = crun.spawn(function()
        local _ <close> = lock:hold()
        log "chosen"
        crun.sleep(1)
        log "never"
      end)
      local next_one = taker(lock, "next", log)
      crun.yield()
      lock:release()
      chosen:cancel()
      crun.joinall { chosen, next_one }
      assert.equal("chosen next", log:text())
      assert.is_true(lock:acquire(0))
      lock:release()
    end)

    both("law 67: no release is spent on a waiter whose time is up: " .. name, function()
      local lock, start = crun[name](1), crun.now()
      lock:acquire()
      local code
      local task = crun.spawn(function() code = select(3, lock:acquire(1)) end)
      task:join()
      assert.equal("ETIMEDOUT", code)
      support.took(start, 1)
      lock:release()
      assert.is_true(lock:acquire(0))
      lock:release()
    end)

    both("law 68: free again after an error and a kill in its scope: " .. name, function()
      local lock = crun[name](1)
      assert.is_false(pcall(function()
        local _ <close> = lock:hold()
        error "inside"
      end))
      assert.is_false(pcall(lock.with, lock, error, "inside"))
      local held, with = crun.spawn(function()
        local _ <close> = lock:hold()
        crun.sleep(9)
      end), crun.spawn(function() lock:with(crun.sleep, 9) end)
      crun.yield()
      held:cancel()
      crun.sleep(1)
      with:cancel()
      crun.joinall { held, with }
      assert.is_true(lock:acquire(0))
      lock:release()
    end)
  end

  it("law 62: releasing an unlocked lock raises and leaves it as it was", function()
    for _, name in ipairs { "Lock", "RLock" } do
      local lock = crun[name]()
      support.refuses({ "release of " .. name .. " that nobody holds" },
        function() lock:release() end)
      assert.is_false(lock:locked())
      assert.is_true(lock:acquire(0))
      lock:release()
    end
  end)

  both("law 62: releasing another one's lock raises, naming the holder", function()
    local lock = crun.Lock()
    local holder = crun.spawn(function() lock:with(crun.sleep, 1) end)
    holder.name = "keeper"
    crun.yield()
    support.refuses({ "'keeper' holds (taken at spec/laws_locks_spec.lua:" },
      function() lock:release() end)
    assert.is_true(lock:locked())
    holder:join()
    assert.is_false(lock:locked())
  end)

  both("law 63: acquiring a plain lock again raises and does not corrupt it", function()
    local lock = crun.Lock()
    lock:acquire()
    support.refuses({ "deadlock", "asks for Lock that", "holds (taken at" },
      function() lock:acquire() end)
    assert.equal("ETIMEDOUT", select(3, lock:acquire(0)))
    lock:release()
    assert.is_false(lock:locked())
  end)

  both("law 64: a re-entrant lock needs as many releases as acquires", function()
    local lock, log = crun.RLock(), support.log()
    lock:acquire()
    lock:acquire()
    local third <close> = lock:hold()
    local task = taker(lock, "other", log)
    crun.yield()
    lock:release()
    lock:release()
    support.settle()
    assert.equal("", log:text())
    assert.matches("holds %(taken at .+%), 1 waiting", tostring(lock))
    third:acquire()
    lock:release()
    lock:release()
    task:join()
    assert.equal("other", log:text())
    lock:acquire()
  end)

  both("law 69: a semaphore of 0 blocks its first taker; its value is never below 0", function()
    local semaphore, log = crun.Semaphore(0), support.log()
    local tasks = { taker(semaphore, 1, log), taker(semaphore, 2, log) }
    support.settle()
    assert.equal("", log:text())
    assert.equal(0, semaphore:value())
    semaphore:release()
    crun.joinall(tasks)
    assert.equal("1 2", log:text())
    assert.equal(1, semaphore:value())
    support.refuses({ "integer >= 0 expected, got -1" }, function() crun.Semaphore(-1) end)
    support.refuses({ "integer >= 0 expected, got -1" },
      function() crun.BoundedSemaphore(-1) end)
  end)

  both("law 70: n releases wake exactly n takers; more stay as value", function()
    local semaphore, log = crun.Semaphore(0), support.log()
    local tasks = keepers(5, semaphore, log)
    crun.yield()
    semaphore:release(2)
    semaphore:release()
    support.settle()
    assert.equal("1 2 3", log:text())
    semaphore:release(4)
    crun.joinall(tasks)
    assert.equal("1 2 3 4 5", log:text())
    assert.equal(2, semaphore:value())
  end)

  both("law 71: a killed waiter consumes no unit", function()
    local semaphore, log = crun.Semaphore(0), support.log()
    local tasks = keepers(4, semaphore, log)
    crun.yield()
    tasks[1]:cancel()
    tasks[2]:cancel()
    semaphore:release()
    support.settle()
    assert.equal("3", log:text())
    semaphore:release()
    crun.joinall(tasks)
    assert.equal("3 4", log:text())
  end)

  it("law 72: a bounded semaphore raises at one release too many, and keeps its value", function()
    local semaphore = crun.BoundedSemaphore(2)
    support.refuses({ "release of 1", "from 2", "limit of 2" },
      function() semaphore:release() end)
    semaphore:acquire()
    support.refuses({ "release of 2", "from 1" }, function() semaphore:release(2) end)
    assert.equal(1, semaphore:value())
    semaphore:release()
    assert.equal(2, semaphore:value())
  end)
end)
