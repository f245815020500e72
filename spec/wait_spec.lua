-- SPDX-License-Identifier: MIT

local crun = require "crun"
local core = require "crun.core"
local support = require "spec.support"
local both = support.both

local function returning(seconds, value)
  crun.sleep(seconds)
  return value
end

local function failing(seconds, err)
  crun.sleep(seconds)
  error(err, 0)
end

--- Tasks that end after so many seconds each, and return their number.
local function sleepers(...)
  local tasks = {}
  for i, seconds in ipairs { ... } do tasks[i] = crun.spawn(returning, seconds, i) end
  return tasks
end

local function numbers(tasks)
  local list = {}
  for i, task in ipairs(tasks) do list[i] = task:result() or task:status() end
  return table.concat(list, " ")
end

local function check(expected_done, expected_pending, done, pending)
  assert.equal(expected_done, numbers(done))
  assert.equal(expected_pending, numbers(pending))
end

describe("wait:", function()
  both("for all, which is what it does if not told otherwise", function()
    local start = crun.now()
    check("1 2 3", "", crun.wait(sleepers(3, 1, 2)))
    support.took(start, 3)
    check("1 2", "", crun.wait(sleepers(1, 2), { when = "all" }))
  end)

  both("for the first", function()
    local start, tasks = crun.now(), sleepers(3, 1, 2)
    check("2", "waiting waiting", crun.wait(tasks, { when = "first" }))
    support.took(start, 1)
    check("1 2 3", "", crun.wait(tasks))
  end)

  both("law 24: for so many; the lists are in the order of the argument", function()
    local start, tasks = crun.now(), sleepers(3, 1, 4, 2)
    check("2 4", "waiting waiting", crun.wait(tasks, { count = 2 }))
    support.took(start, 2)
    check("2 4", "waiting waiting", crun.wait(tasks, { count = 2 }))
    check("1 2 4", "waiting", crun.wait(tasks, { count = 3 }))
    check("1 2 3 4", "", crun.wait(tasks, { count = 99 }))
  end)

  both("for none only looks", function()
    local tasks = sleepers(1, 2)
    check("", "new new", crun.wait(tasks, { count = 0 }))
    check("", "new new", crun.wait(tasks, 0))
    crun.wait(tasks)
  end)

  both("law 24: nothing stays registered on those that go on", function()
    local failures = support.collect_failures()
    local late = crun.spawn(failing, 2, "unseen")
    local done, pending = crun.wait({ crun.spawn(returning, 1, "a"), late }, { when = "first" })
    assert.same({ 1, 1 }, { #done, #pending })
    crun.sleep(2)
    support.settle()
    assert.equal(1, #failures)
    assert.equal("unseen", failures[1].err)
  end)

  both("for an error: the first that fails ends it, and none is raised", function()
    local start = crun.now()
    local tasks = sleepers(1, 5)
    tasks[3] = crun.spawn(failing, 2, "no")
    check("1 failed", "waiting", crun.wait(tasks, { when = "error" }))
    support.took(start, 2)
    check("1 2", "", crun.wait({ tasks[1], tasks[2] }, { when = "error" }))
    check("1 2 failed", "", crun.wait(tasks))
  end)

  both("for an error: one that is cancelled counts", function()
    local tasks = sleepers(5, 6)
    crun.yield()
    tasks[2]:cancel()
    check("cancelled", "waiting", crun.wait(tasks, { when = "error" }))
    tasks[1]:join()
  end)

  both("for an error or so many, whichever comes first", function()
    local tasks = { crun.spawn(returning, 1, "a"), crun.spawn(failing, 2, "no"),
      crun.spawn(returning, 3, "c") }
    check("a", "waiting waiting", crun.wait(tasks, { when = "error", count = 1 }))
    check("a failed", "waiting", crun.wait(tasks, { when = "error", count = 3 }))
    crun.joinall(tasks)
  end)

  both("a timeout is no error: the lists tell", function()
    local start, tasks = crun.now(), sleepers(1, 3)
    check("1", "waiting", crun.wait(tasks, 2))
    support.took(start, 2)
    check("1", "waiting", crun.wait(tasks, { when = "all", timeout = 0.5 }))
    support.took(start, 2.5)
    check("1 2", "", crun.wait(tasks, { timeout = 1 }))
  end)

  both("of what has ended returns at once", function()
    local tasks = sleepers(1, 1)
    crun.joinall(tasks)
    local ran = false
    local other = crun.spawn(function() ran = true end)
    check("1 2", "", crun.wait(tasks))
    check("1 2", "", crun.wait(tasks, { when = "first", timeout = 0 }))
    check("", "", crun.wait({}))
    check("", "", crun.wait({}, { when = "first" }))
    assert.is_false(ran)
    other:join()
  end)

  both("law 23: the same task twice counts and stands at both places", function()
    local task = crun.spawn(returning, 1, "x")
    check("x x", "", crun.wait({ task, task }))
    local tasks = sleepers(1, 5)
    check("1 1", "waiting", crun.wait({ tasks[1], tasks[2], tasks[1] }, { count = 2 }))
    tasks[2]:join()
  end)

  both("tasks that end in one turn are all done", function()
    check("1 2 3", "", crun.wait(sleepers(1, 1, 1), { when = "first" }))
  end)

  both("takes Futures as well", function()
    local future = crun.Future()
    local task = crun.spawn(function()
      crun.sleep(1)
      future:set_result("result")
      crun.sleep(1)
    end)
    local done, pending = crun.wait({ task, future }, { when = "first" })
    assert.same({ future }, done)
    assert.same({ task }, pending)
    task:join()
  end)

  both("its list may be changed meanwhile", function()
    local tasks = sleepers(1, 2)
    local kept = { table.unpack(tasks) }
    crun.spawn(function()
      tasks[1], tasks[2] = nil, nil
      collectgarbage()
    end)
    local done = crun.wait(tasks)
    assert.same(kept, done)
  end)

  both("a cancel of who waits leaves the tasks alone", function()
    local tasks = sleepers(2, 3)
    local waiter = crun.spawn(crun.wait, tasks)
    crun.sleep(1)
    waiter:cancel("no more")
    local err = support.raised(waiter.get, waiter)
    assert.equal("no more", err.reason)
    check("1 2", "", crun.wait(tasks))
  end)

  both("an end in the turn of a cancel or a timeout is seen", function()
    local future = crun.Future()
    local seen
    local waiter = crun.spawn(function() seen = #crun.wait { future } end)
    crun.sleep(1)
    future:set_result()
    waiter:cancel()
    waiter:join()
    assert.equal(1, seen)
  end)

  it("refuses misuse at the caller's line", function()
    for options, words in pairs {
      [{ when = "any" }] = { "bad option 'when' to 'wait'", "any" },
      [{ wen = "all" }] = { "unknown option 'wen' to 'wait'" },
      [{ count = -1 }] = { "bad option 'count' to 'wait'" },
      [{ count = 1.5 }] = { "bad option 'count' to 'wait'" },
      [{ when = "first", count = 2 }] = { "does not go with" },
      [{ timeout = "x" }] = { "bad timeout to 'wait'" },
    } do
      support.refuses(words, function() crun.wait({}, options) end)
    end
    support.refuses({ "bad timeout to 'wait'" }, function() crun.wait({}, "x") end)
    support.refuses({ "bad argument #1 to 'wait'", "nil" }, function() crun.wait() end)
    support.refuses({ "bad argument #1 to 'wait' (item 2 of the list is no Task" }, function()
      crun.wait { crun.spawn(function() end), function() end }
    end)
  end)

  both("refuses to wait for itself, and looks at no other task for it", function()
    local failures = support.collect_failures()
    local task = crun.spawn(failing, 1, "seen by nobody")
    support.refuses({ "item 2 of the list is the calling task" }, function()
      crun.wait { task, crun.current() }
    end)
    crun.sleep(2)
    assert.equal(1, #failures)
  end)
end)

describe("as_completed:", function()
  local function order(...)
    local log = support.log()
    for task in crun.as_completed(...) do log(task:result()) end
    return log:text()
  end

  both("gives each as it ends", function()
    local start, log = crun.now(), support.log()
    for task in crun.as_completed(sleepers(3, 1, 2)) do
      log(task:result() .. "@" .. math.floor(crun.now() - start + 0.5))
    end
    assert.equal("2@1 3@2 1@3", log:text())
  end)

  both("those that end in one turn in the order of their ends", function()
    assert.equal("2 1 3", order(sleepers(1, 0.5, 1)))
    local future, log = { crun.Future(), crun.Future(), crun.Future() }, support.log()
    crun.spawn(function()
      for _, i in ipairs { 3, 1, 2 } do future[i]:set_result(i) end
    end)
    for each in crun.as_completed(future) do log(each:result()) end
    assert.equal("3 1 2", log:text())
  end)

  both("those that had ended come first, in the order of the list", function()
    local tasks = sleepers(2, 1, 3)
    tasks[1]:join()
    assert.equal("1 2 3", order(tasks))
    assert.equal("1 2 3", order(tasks, 0))
    assert.equal("", order({}))
    assert.equal("", order({}, 0))
  end)

  both("ends that come while the body waits are not lost", function()
    local log = support.log()
    for task in crun.as_completed(sleepers(1, 2, 3, 9)) do
      log(task:result())
      crun.sleep(4)
    end
    assert.equal("1 2 3 4", log:text())
  end)

  both("law 23: the same task twice comes twice", function()
    local tasks = sleepers(1, 2)
    assert.equal("1 1 2", order({ tasks[1], tasks[2], tasks[1] }))
  end)

  both("raises nothing of the tasks'", function()
    local failures = support.collect_failures()
    local log = support.log()
    for task in crun.as_completed { crun.spawn(failing, 1, "no"), crun.spawn(returning, 2, "b") } do
      log(task:exception() or task:result())
    end
    assert.equal("no b", log:text())
    assert.equal(0, #failures)
  end)

  both("raises ETIMEDOUT when the time for all is up", function()
    local start, tasks, log = crun.now(), sleepers(1, 2, 5, 6), support.log()
    local err = support.raised(function()
      for task in crun.as_completed(tasks, 3) do
        log(task:result())
        crun.sleep(0.1)
      end
    end)
    assert.matches("^[^\n]*wait_spec.lua:%d+: ETIMEDOUT: timed out with 2 to come$", err)
    support.took(start, 3)
    assert.equal("1 2", log:text())
    assert.equal("waiting", tasks[3]:status())
    assert.equal("1 2 3 4", order(tasks, 100))
  end)

  both("with 0 gives what has ended before it times out", function()
    local tasks = sleepers(1, 2)
    tasks[1]:join()
    local log = support.log()
    assert.matches("ETIMEDOUT", support.raised(function()
      for task in crun.as_completed(tasks, 0) do log(task:result()) end
    end))
    assert.equal("1", log:text())
    tasks[2]:join()
  end)

  both("law 24: leaving the loop leaves nothing registered", function()
    local failures = support.collect_failures()
    local tasks = { crun.spawn(returning, 1, "a"), crun.spawn(failing, 2, "unseen") }
    for task in crun.as_completed(tasks) do
      if task:result() == "a" then break end
    end
    assert.is_false(pcall(function()
      for _ in crun.as_completed(tasks) do error("out") end
    end))
    crun.sleep(2)
    support.settle()
    assert.equal(1, #failures)
  end)

  both("can be called by hand, and closed", function()
    local tasks = sleepers(1, 2, 3)
    local next_one <close> = crun.as_completed(tasks)
    assert.equal("crun.Completion: 3 to come", tostring(next_one))
    assert.equal(tasks[1], next_one())
    assert.equal(2, #next_one)
    assert.equal(tasks[2], next_one())
    assert.equal(tasks[3], next_one())
    assert.equal(nil, next_one())
    assert.equal(nil, next_one())
  end)

  both("several tasks may share one: each end goes to one of them", function()
    local log = support.log()
    local next_one = crun.as_completed(sleepers(1, 2, 3, 4, 4))
    local function take(name)
      for task in next_one do log(name .. task:result()) end
    end
    crun.gather(function() take("a") end, function() take("b") end)
    table.sort(log, function(x, y) return x:sub(2) < y:sub(2) end)
    assert.equal("1 2 3 4 5", (log:text():gsub("[ab]", "")))
  end)

  both("closing it ends the wait of others", function()
    local tasks = sleepers(5)
    local waiter
    do
      local next_one <close> = crun.as_completed(tasks)
      waiter = crun.spawn(next_one)
      crun.yield()
    end
    assert.equal(nil, waiter:get())
    tasks[1]:join()
  end)

  both("a cancel in the loop passes, and takes nothing along", function()
    local log, next_one = support.log(), crun.as_completed(sleepers(2, 3))
    local waiter = crun.spawn(function() for task in next_one do log(task:result()) end end)
    crun.sleep(1)
    waiter:cancel()
    waiter:join()
    assert.is_true(waiter:cancelled())
    for task in next_one do log(task:result()) end
    assert.equal("1 2", log:text())
  end)

  both("of many is linear: 10,000 of them", function()
    local n, tasks, count = support.scaled(10000), {}, 0
    for i = 1, n do tasks[i] = crun.spawn(returning, n - i, i) end
    local last = n + 1
    for task in crun.as_completed(tasks) do
      count = count + 1
      assert(task:result() == last - 1)
      last = task:result()
    end
    assert.equal(n, count)
  end)

  it("refuses misuse at the caller's line", function()
    support.refuses({ "bad argument #1 to 'as_completed'" }, function()
      return (crun.as_completed(1))
    end)
    support.refuses({ "item 1 of the list", "'as_completed'" }, function()
      return (crun.as_completed { 42 })
    end)
    support.refuses({ "bad timeout to 'as_completed'" }, function()
      return (crun.as_completed({}, "x"))
    end)
  end)

  both("nothing stays behind", function()
    local timers = core.stats().timers
    for task in crun.as_completed(sleepers(1, 2), 100) do
      if task:done() then break end
    end
    crun.sleep(5)
    assert.equal(timers, core.stats().timers)
  end)
end)
