-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local KINDS = { "Lock", "RLock" }

--- Takes the locks one after the other, with a turn between, and returns what came of it.
local function take_all(name, locks)
  local task = crun.spawn(function()
    local held = {}
    local _ <close> = setmetatable({}, {
      __close = function()
        for i = #held, 1, -1 do held[i]:release() end
      end,
    })
    for _, lock in ipairs(locks) do
      lock:acquire()
      held[#held + 1] = lock
      crun.sleep(1)
    end
    return "all"
  end)
  task.name = name
  return task
end

describe("circles of locks", function()
  both("of two tasks are refused, naming both and where the locks were taken", function()
    local a, b = crun.Lock(), crun.Lock()
    local one, two = take_all("one", { a, b }), take_all("two", { b, a })
    two:on_done(function() end)
    assert.equal("all", one:get())
    local err = support.raised(two.get, two)
    local parts = {
      "spec/lock_spec.lua:20: deadlock: task#%d+ 'two' asks for Lock that task#%d+ 'one' holds ",
      "%(taken at spec/lock_spec.lua:20%); task#%d+ 'one' waits for Lock ",
      "that task#%d+ 'two' holds ",
      "%(taken at spec/lock_spec.lua:20%)$",
    }
    assert.matches("^" .. table.concat(parts), err)
  end)

  both("of many tasks are refused, and the others get through", function()
    local count, locks, tasks = 6, {}, {}
    for i = 1, count do locks[i] = crun[KINDS[i % 2 + 1]]() end
    for i = 1, count do
      tasks[i] = take_all("t" .. i, { locks[i], locks[i % count + 1] })
      tasks[i]:on_done(function() end)
    end
    crun.joinall(tasks)
    local refused = 0
    for _, task in ipairs(tasks) do
      if task:exception() then
        refused = refused + 1
        assert.equal(count, select(2, task:exception():gsub("that task#", "")))
      end
    end
    assert.equal(1, refused)
    for _, lock in ipairs(locks) do assert.is_false(lock:locked()) end
  end)

  both("are no matter of a mere try", function()
    local a, b = crun.Lock(), crun.Lock()
    a:acquire()
    local other = crun.spawn(function()
      b:with(function() a:with(function() end) end)
    end)
    crun.yield()
    assert.equal("ETIMEDOUT", select(3, b:acquire(0)))
    support.refuses({ "deadlock" }, function() b:acquire(1) end)
    a:release()
    other:join()
  end)

  both("through the writer of a RWLock are found, too", function()
    local lock, rw = crun.Lock(), crun.RWLock()
    lock:acquire()
    local other = crun.spawn(function()
      rw:with_write(function() lock:with(function() end) end)
    end)
    crun.yield()
    support.refuses({ "asks for RWLock", "waits for Lock" }, function() rw:read_acquire() end)
    support.refuses({ "asks for RWLock", "waits for Lock" }, function() rw:write_acquire() end)
    lock:release()
    other:join()
  end)

  both("that a condition's timeout would close raise in its wait, without the lock", function()
    local a, b = crun.Lock(), crun.Lock()
    local condition = crun.Condition(a)
    local waiter = crun.spawn(function()
      b:acquire()
      condition:acquire()
      local ok, err = pcall(condition.wait, condition, 1)
      b:release()
      return ok, err
    end)
    crun.yield()
    a:acquire()
    assert.is_true(b:acquire())
    a:release()
    b:release()
    local ok, err = waiter:get()
    assert.is_false(ok)
    assert.matches("deadlock", tostring(err))
    assert.is_false(a:locked())
  end)
end)

describe("a notification that is passed on", function()
  both("and would close a circle raises in the wait that it reaches", function()
    local a, b = crun.Lock(), crun.Lock()
    local condition = crun.Condition(a)
    local first = crun.spawn(condition.with, condition, condition.wait, condition)
    crun.yield()
    local second = crun.spawn(function()
      local _ <close> = b:hold()
      condition:acquire()
      return pcall(condition.wait, condition)
    end)
    crun.yield()
    a:acquire()
    local crossing = crun.spawn(function()
      return a:with(function() return b:with(function() return "through" end) end)
    end)
    crun.yield()
    condition:notify()
    a:release()
    first:cancel()
    local ok, err = second:get()
    assert.is_false(ok)
    assert.matches("deadlock", tostring(err))
    assert.equal("through", crossing:get())
    first:join()
    assert.is_false(a:locked())
    assert.is_false(b:locked())
  end)
end)

describe("a lock whose holder ended", function()
  for _, kind in ipairs(KINDS) do
    both("stays taken, and who asks for it is told: " .. kind, function()
      local lock = crun[kind]()
      local holder = crun.spawn(function()
        lock:acquire()
        crun.sleep(1)
      end)
      crun.yield()
      local waiting = crun.spawn(lock.acquire, lock)
      waiting:on_done(function() end)
      holder:join()
      waiting:join()
      assert.matches("this " .. kind .. " is lost: task#%d+ ended without releasing %(taken at",
        waiting:exception())
      support.refuses({ "is lost: task#" .. holder.id .. " ended" }, function() lock:acquire() end)
      support.refuses({ "ended without releasing" }, function() lock:release() end)
      assert.is_true(lock:locked())
    end)
  end

  both("is told apart from its neighbours", function()
    local kept, left = {}, {}
    local stop = crun.Event()
    local keepers = {}
    for i = 1, support.scaled(600) do
      kept[i], left[i] = crun.Lock(), crun.RWLock()
      keepers[i] = crun.spawn(function() kept[i]:with(stop.wait, stop) end)
      crun.spawn(function() left[i]:write_acquire() end)
    end
    crun.yield()
    support.settle()
    for i = 1, #left do
      assert.equal("ETIMEDOUT", select(3, kept[i]:acquire(0)))
      assert.is_false(pcall(left[i].read_acquire, left[i]))
    end
    stop:set()
    crun.joinall(keepers)
    for i = 1, #kept do assert.is_false(kept[i]:locked()) end
  end)

  both("a condition's waiters that were notified hear of it", function()
    local condition = crun.Condition()
    local waiters = {}
    for i = 1, 3 do
      waiters[i] = crun.spawn(function()
        condition:acquire()
        condition:wait()
      end)
      waiters[i]:on_done(function() end)
    end
    crun.yield()
    crun.spawn(function()
      condition:acquire()
      condition:notify_all()
    end):join()
    crun.joinall(waiters)
    for _, task in ipairs(waiters) do assert.matches("is lost", task:exception()) end
  end)

  it("is collected like any other, also while its holder lives", function()
    local weak = setmetatable({}, { __mode = "k" })
    local task = crun.spawn(function()
      for _ = 1, 3 do
        local lock = crun.Lock()
        lock:acquire()
        weak[lock] = true
      end
      crun.sleep(0.01)
    end)
    crun.yield()
    collectgarbage()
    collectgarbage()
    task:join()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("hold and with", function()
  it("pass arguments and results, nils included", function()
    local lock = crun.Lock()
    local function count(...)
      assert.is_true(lock:locked())
      return select("#", ...), ...
    end
    assert.same({ n = 4, 3, nil, 2, nil }, table.pack(lock:with(count, nil, 2, nil)))
    assert.equal(0, select("#", lock:with(function() end)))
    assert.is_false(lock:locked())
  end)

  both("give up in time, with nothing to close", function()
    local lock = crun.Lock()
    local other = crun.spawn(lock.with, lock, crun.sleep, 5)
    crun.yield()
    do
      local held <close>, _, code = lock:hold(1)
      assert.is_nil(held)
      assert.equal("ETIMEDOUT", code)
    end
    other:join()
    local held <close> = lock:hold(1)
    assert.equal(lock, held)
  end)

  both("wait inside, also by the release of others", function()
    local lock, log = crun.Lock(), support.log()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        lock:with(function()
          log("in" .. i)
          crun.sleep(1)
          log("out" .. i)
        end)
      end)
    end
    crun.joinall(tasks)
    assert.equal("in1 out1 in2 out2 in3 out3", log:text())
  end)

  it("keep the traceback of an error inside whole", function()
    local failures = support.collect_failures()
    local lock = crun.Lock()
    local function culprit() error("boom") end
    crun.spawn(lock.with, lock, culprit)
    crun.yield()
    assert.matches("'error'\n\tspec/lock_spec.lua:%d+: in function", failures[1].traceback)
    assert.is_false(lock:locked())
  end)

  it("in a generator that is closed release", function()
    local lock = crun.Lock()
    local generator = coroutine.create(function()
      local _ <close> = lock:hold()
      coroutine.yield()
    end)
    coroutine.resume(generator)
    assert.is_true(lock:locked())
    coroutine.close(generator)
    assert.is_false(lock:locked())
  end)

  it("refuse what cannot be called", function()
    for _, name in ipairs { "Lock", "RLock", "Semaphore", "Condition" } do
      local object = crun[name]()
      support.refuses({ "bad argument", "function expected, got number" },
        function() object:with(42) end)
    end
  end)
end)

describe("misuse", function()
  it("names the argument and the value", function()
    local lock, semaphore, group = crun.Lock(), crun.Semaphore(), crun.WaitGroup()
    support.refuses({ "seconds or nil expected, got soon" }, function() lock:acquire("soon") end)
    support.refuses({ "seconds or nil expected" }, function() lock:hold(0 / 0) end)
    support.refuses({ "crun.Lock expected, got table" }, function() lock.acquire({}) end)
    support.refuses({ "integer >= 1 expected, got 0" }, function() semaphore:release(0) end)
    support.refuses({ "integer expected, got 1.5" }, function() semaphore:release(1.5) end)
    support.refuses({ "integer expected, got many" }, function() crun.Semaphore("many") end)
    support.refuses({ "integer from 1 to 2^30 expected, got 0" }, function() crun.Barrier(0) end)
    support.refuses({ "bad argument #1 to 'Barrier'" }, function() crun.Barrier() end)
    support.refuses({ "function expected, got string" }, function() crun.Barrier(1, "act") end)
    support.refuses({ "crun.Lock or crun.RLock expected" }, function() crun.Condition({}) end)
    support.refuses({ "cannot go from 0 by -1" }, function() group:done() end)
    support.refuses({ "integer expected, got x" }, function() group:add("x") end)
    local condition = crun.Condition()
    condition:acquire()
    support.refuses({ "integer >= 0 expected, got -1" }, function() condition:notify(-1) end)
    condition:release()
  end)

  it("of a lock in a finalizer that would have to wait raises and leaves it whole", function()
    local result = process.run [[
      local crun = require "crun"
      local condition, lock = crun.Condition(), crun.Lock()
      lock:acquire()
      local function finalize(fn)
        setmetatable({}, { __gc = function() print(pcall(fn)) end })
        collectgarbage()
      end
      local task = crun.spawn(function()
        finalize(function() lock:acquire() end)
        condition:acquire()
        finalize(function() condition:wait() end)
        print(condition:acquire(0))
      end)
      task:join()
      lock:release()
      print(lock)
    ]]
    assert.equal(0, result.status)
    local _, count = result.out:gsub("attempt to wait inside a finalizer", "")
    assert.equal(2, count)
    assert.matches("true\ncrun.Lock: free\n$", result.out)
  end)
end)

describe("the deadlock report", function()
  it("says who holds what is waited for", function()
    local result = process.run [[
      local crun = require "crun"
      local lock = crun.Lock()
      lock:acquire()
      crun.spawn(lock.acquire, lock)
      crun.Event():wait()
    ]]
    assert.equal(process.under_crun and 2 or 1, result.status)
    assert.matches("main waits: Event:wait", result.err)
    assert.matches("task#2 waits: Lock:acquire %(held by task#1%)", result.err)
  end)
end)
