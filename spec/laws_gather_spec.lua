-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local after, failing, both = support.after, support.failing, support.both

describe("laws of gather:", function()
  both("law 96: results come in argument order whatever the order of completion", function()
    assert.same({ "a", "b", "c" },
      { crun.gather(after(3, "a"), after(1, "b"), after(2, "c")) })
    assert.same({ "a", "b", "c" }, crun.gather { after(3, "a"), after(1, "b"), after(2, "c") })
  end)

  both("law 96: each one gives its first result, nil included", function()
    local got = table.pack(crun.gather(after(1, nil, 2), after(2, 1, 2), after(1), after(3, nil)))
    assert.same({ nil, 1, nil, nil, n = 4 }, got)
    local list = crun.gather { after(1, 1), after(1, nil), after(1, 3) }
    assert.same({ 1, nil, 3 }, list)
  end)

  both("law 96: of nothing, nothing at once", function()
    local ran = false
    local other = crun.spawn(function() ran = true end)
    assert.equal(0, select("#", crun.gather()))
    assert.same({}, crun.gather {})
    assert.is_false(ran)
    other:join()
  end)

  both("law 96: the same task given twice counts at both places", function()
    local task = crun.spawn(after(1, "twice"))
    assert.same({ "twice", "twice", "other" }, { crun.gather(task, task, after(2, "other")) })
    assert.same({ "twice", "twice" }, crun.gather { task, task })
  end)

  both("law 96: tasks that are over and functions may be mixed", function()
    local over = crun.spawn(function() return "over" end)
    over:join()
    assert.same({ "over", "new" }, { crun.gather(over, after(1, "new")) })
  end)

  both("law 96: lists inside a list give lists inside the list", function()
    assert.same({ "a", { "b", { "c" }, {} }, "d" },
      crun.gather { after(1, "a"), { after(3, "b"), { after(2, "c") }, {} }, after(1, "d") })
  end)

  both("law 96: gather takes as long as the slowest", function()
    local start = crun.now()
    crun.gather(after(3), after(5), after(4))
    support.took(start, 5)
  end)

  both("law 97: the first error cancels the others, waits for them, and is raised", function()
    local log, reason = support.log(), {}
    local function slow()
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(crun.sleep, 2)
        log("unwound")
      end })
      crun.sleep(100)
    end
    local start = crun.now()
    local err = support.raised(crun.gather, slow, function()
      crun.sleep(1)
      error(reason)
    end, slow)
    log("raised")
    assert.equal(reason, err)
    assert.equal("unwound unwound raised", log:text())
    support.took(start, 3)
  end)

  both("law 97: of two errors the first in time is raised, no other reported", function()
    local failures = support.collect_failures()
    local err = support.raised(crun.gather, failing(2, "late"), failing(1, "early"))
    assert.equal("early", err)
    err = support.raised(crun.gather, { failing(2, "late"), failing(1, "early") })
    assert.equal("early", err)
    local function stubborn()
      local ok = pcall(crun.sleep, 100)
      error("in clean-up " .. tostring(ok), 0)
    end
    assert.equal("early", support.raised(crun.gather, stubborn, failing(1, "early")))
    support.settle()
    assert.equal(0, #failures)
  end)

  both("law 97: of two errors in one turn the first is raised", function()
    local function late()
      crun.yield()
      error("late", 0)
    end
    local function early() error("early", 0) end
    assert.equal("early", support.raised(crun.gather, late, early))
    local tasks = { crun.spawn(late), crun.spawn(early) }
    assert.equal("early", support.raised(crun.joinall, tasks, { raise = true }))
    crun.joinall(tasks)
  end)

  both("law 97: a task that had already failed is raised at once", function()
    local task = crun.spawn(error, "before", 0)
    task:join()
    local other = crun.spawn(after(10, 1))
    assert.equal("before", support.raised(crun.gather, task, other))
    assert.is_true(other:cancelled())
  end)

  both("law 97: a cancelled member's cancel error is raised out of gather", function()
    local member = crun.spawn(after(10, 1))
    local gatherer = crun.spawn(function() return crun.gather(member, after(20, 2)) end)
    support.settle()
    member:cancel("picked out")
    local err = support.raised(gatherer.get, gatherer)
    assert.equal("picked out", err.reason)
  end)

  both("law 97: a timeout around gather cancels what it gathers", function()
    local task = crun.spawn(after(10, 1))
    local _, _, code = crun.with_timeout(1, crun.gather, task, after(10, 2))
    assert.equal("ETIMEDOUT", code)
    assert.is_true(task:cancelled())
  end)

  both("law 97: the collecting form returns errors as values and never raises", function()
    local reason, start = {}, crun.now()
    local member = crun.spawn(after(9))
    crun.spawn(function()
      crun.sleep(2)
      member:cancel("picked out")
    end)
    local results, errors = crun.gather {
      after(3, "a"), failing(1, reason), after(2), member, failing(2, "text"), after(1, false),
      return_exceptions = true,
    }
    support.took(start, 3)
    assert.equal("picked out", results[4].reason)
    assert.same({ "a", reason, nil, results[4], "text", false }, results)
    assert.equal(reason, results[2])
    assert.same({ [2] = reason, [4] = results[4], [5] = "text" }, errors)
  end)

  both("law 97: the collecting form of nothing, of no failure, of lists in lists", function()
    assert.same({ {}, {} }, { crun.gather { return_exceptions = true } })
    local both_lists = { crun.gather { after(2, 1), after(1, 2), return_exceptions = true } }
    assert.same({ { 1, 2 }, {} }, both_lists)
    assert.same({ "a" }, crun.gather { after(1, "a"), return_exceptions = false })
    local results, errors = crun.gather {
      after(1, "a"), { after(1, "b"), function() error("c", 0) end }, return_exceptions = true,
    }
    assert.same({ "a", { "b", "c" } }, results)
    assert.same({ nil, { nil, "c" } }, errors)
  end)

  both("law 97: a cancel of who collects cancels all and is raised", function()
    local task = crun.spawn(after(10))
    local _, _, code = crun.with_timeout(1, crun.gather, { task, return_exceptions = true })
    assert.equal("ETIMEDOUT", code)
    assert.is_true(task:cancelled())
  end)

  both("law 97: what is cancelled learns why, and where from", function()
    local seen
    local function watcher() seen = support.raised(crun.sleep, 100) end
    local culprit = crun.spawn(function()
      crun.sleep(1)
      error("no", 0)
    end)
    culprit.name = "culprit"
    pcall(function() crun.gather(watcher, culprit) end)
    assert.matches("^task#%d+ 'culprit' failed$", seen.reason)
    assert.matches("laws_gather_spec.lua:%d+$", seen.origin)
    local gatherer = crun.spawn(function() crun.gather(watcher, after(50)) end)
    crun.sleep(1)
    gatherer:cancel("enough")
    local err = support.raised(gatherer.get, gatherer)
    assert.same({ "enough", err.origin }, { seen.reason, seen.origin })
  end)

  both("law 40: cancelling the gatherer cancels what it gathers; it waits for their clean-ups",
    function()
      local log = support.log()
      local gatherer = crun.spawn(function()
        crun.gather(function()
          pcall(crun.sleep, 100)
          crun.shield(crun.sleep, 2)
          log("clean")
        end)
      end)
      crun.sleep(1)
      gatherer:cancel()
      crun.sleep(1)
      gatherer:cancel("while they unwind")
      gatherer:join()
      log("over")
      assert.equal("clean over", log:text())
    end)

  it("gather refuses keys that are no options, and the calling task", function()
    local function fn() end
    support.refuses({ "unknown option 'return_exeptions' to 'gather'" }, function()
      crun.gather { fn, fn, return_exeptions = true }
    end)
    support.refuses({ "it belongs to the outermost list" }, function()
      crun.gather { fn, { fn, return_exceptions = true } }
    end)
    support.refuses({ "bad option 'return_exceptions'" }, function()
      crun.gather { fn, return_exceptions = 1 }
    end)
    support.refuses({ "bad argument #2 to 'gather'", "the calling task" }, function()
      crun.gather(fn, crun.current())
    end)
    assert.is_false(crun.current():cancelled())
  end)

  it("gather refuses what is neither function nor task, and starts nothing", function()
    local before = #crun.tasks()
    support.refuses({ "bad argument #2 to 'gather'" }, function()
      crun.gather(function() end, 42)
    end)
    support.refuses({ "gather" }, function() crun.gather { function() end, "text" } end)
    assert.equal(before, #crun.tasks())
  end)
end)

describe("joinall and killall:", function()
  both("joinall waits for all and never raises their errors", function()
    local tasks = { crun.spawn(after(1)), crun.spawn(error, "no"), crun.spawn(after(3)) }
    local start = crun.now()
    assert.is_true(crun.joinall(tasks))
    support.took(start, 3)
    assert.equal("failed", tasks[2]:status())
  end)

  both("joinall with a timeout says so and leaves the tasks running", function()
    local tasks = { crun.spawn(after(1, "a")), crun.spawn(after(3, "b")) }
    assert.equal("ETIMEDOUT", select(3, crun.joinall(tasks, 2)))
    assert.same({ true, false }, { tasks[1]:done(), tasks[2]:done() })
    assert.equal("ETIMEDOUT", select(3, crun.joinall(tasks, { timeout = 0.5 })))
    assert.equal("ETIMEDOUT", select(3, crun.joinall(tasks, 0)))
    assert.equal("b", tasks[2]:get())
  end)

  both("joinall counts tasks that are already over", function()
    local tasks = { crun.spawn(after(1)), crun.spawn(after(2)), crun.spawn(after(50)) }
    tasks[2]:join()
    assert.is_true(crun.joinall(tasks, { count = 2, timeout = 0 }))
    crun.killall(tasks)
  end)

  it("joinall refuses unknown options and wrong lists, naming them", function()
    support.refuses({ "joinall", "tiemout" }, function() crun.joinall({}, { tiemout = 1 }) end)
    support.refuses({ "bad argument #1 to 'joinall'" }, function() crun.joinall(1) end)
    support.refuses({ "joinall" }, function() crun.joinall({ 1 }) end)
    support.refuses({ "joinall" }, function() crun.joinall({}, { timeout = "x" }) end)
    support.refuses({ "joinall" }, function() crun.joinall({}, { timeout = 0 / 0 }) end)
    support.refuses({ "joinall" }, function() crun.joinall({}, { count = -1 }) end)
    support.refuses({ "joinall", "x" }, function() crun.joinall({}, "x") end)
  end)

  both("killall cancels all with the reason and returns when all are over", function()
    local tasks = { crun.spawn(after(1)), crun.spawn(after(2)), crun.spawn(after(3)) }
    crun.yield()
    crun.killall(tasks, "the end")
    for _, task in ipairs(tasks) do
      assert.is_true(task:cancelled())
      assert.equal("the end", task:exception().reason)
    end
    crun.killall(tasks)
    crun.killall({})
  end)

  both("killall with a timeout gives up waiting for a stubborn one", function()
    local stubborn = crun.spawn(function() crun.shield(crun.sleep, 10) end)
    crun.yield()
    assert.equal("ETIMEDOUT", select(3, crun.killall({ stubborn }, nil, 1)))
    assert.is_false(stubborn:done())
    stubborn:join()
  end)
end)
