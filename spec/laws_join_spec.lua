-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

describe("laws of joining, results and errors:", function()
  both("law 17: joining a finished task returns at once, any number of times", function()
    local task = crun.spawn(function() return 1 end)
    task:join()
    local ran = false
    crun.spawn(function() ran = true end)
    for _ = 1, 3 do
      assert.is_true(task:join())
      assert.is_true(task:join(0))
      assert.equal(1, task:get())
    end
    assert.is_false(ran)
    assert.is_true(crun.spawn(task.join, task):get())
  end)

  both("law 18: a join that times out says so and leaves the task running", function()
    local task = crun.spawn(function() crun.sleep(10) return "done" end)
    local start = crun.now()
    local ok, message, code = task:join(2)
    assert.equal(nil, ok)
    assert.equal("ETIMEDOUT", code)
    assert.matches("^ETIMEDOUT: ", message)
    support.took(start, 2)
    assert.equal("waiting", task:status())
    assert.equal("done", task:get())
  end)

  it("law 18: a join of 0 only looks, without a switch; a negative time is 0", function()
    local ran = false
    local task = crun.spawn(function() ran = true end)
    assert.equal("ETIMEDOUT", select(3, task:join(0)))
    assert.equal("ETIMEDOUT", select(3, task:join(-1)))
    assert.is_false(ran)
    task:join()
  end)

  both("law 19: fetching with a timeout that expires is told from every result", function()
    local task = crun.spawn(function() crun.sleep(10) return nil end)
    local got = table.pack(task:get(1))
    assert.same({ 3, "ETIMEDOUT" }, { got.n, got[3] })
    assert.equal("ETIMEDOUT", select(3, task:get(0)))
    got = table.pack(task:get())
    assert.same({ n = 1 }, got)
  end)

  both("law 20: a failed task raises the very same error object at each fetch", function()
    for _, reason in ipairs { {}, "text without a place", 42, false, print } do
      local task = crun.spawn(function()
        crun.yield()
        error(reason, 0)
      end)
      for _ = 1, 3 do
        local ok, err = pcall(task.get, task)
        assert.is_false(ok)
        assert.equal(reason, err)
      end
      assert.equal(reason, task:exception())
    end
  end)

  both("law 20: nil can be an error too", function()
    local task = crun.spawn(function() error(nil) end)
    task:join()
    assert.equal("failed", task:status())
    assert.same({ false }, { pcall(task.get, task) })
  end)

  both("law 21: a task that waits for itself gets an error, not a hang", function()
    local task
    task = crun.spawn(function()
      local ok, err = pcall(function() task:join() end)
      local ok2, err2 = pcall(function() task:get(1) end)
      return ok, err, ok2, err2
    end)
    local ok, err, ok2, err2 = task:get()
    assert.is_false(ok)
    assert.is_false(ok2)
    assert.matches("laws_join_spec", err)
    assert.matches("itself", err)
    assert.matches("itself", err2)
  end)

  both("law 22: joiners wake in the order in which they came", function()
    local log = support.log()
    local target = crun.spawn(function() crun.sleep(1) end)
    local joiners = {}
    for i = 1, 4 do
      joiners[i] = crun.spawn(function()
        target:join()
        log(i)
      end)
    end
    crun.joinall(joiners)
    assert.equal("1 2 3 4", log:text())
  end)

  both("law 23: a list with the same task twice can be joined; an empty one at once", function()
    local task = crun.spawn(function() crun.sleep(1) end)
    assert.is_true(crun.joinall({ task, task, task }))
    local ran = false
    crun.spawn(function() ran = true end)
    assert.is_true(crun.joinall({}))
    assert.is_true(crun.joinall({}, 0))
    assert.is_false(ran)
  end)

  both("law 24: waiting for the first n returns after n; the others go on", function()
    local tasks = {}
    for i = 1, 4 do
      tasks[i] = crun.spawn(function() crun.sleep(i) return i end)
    end
    local start = crun.now()
    assert.is_true(crun.joinall(tasks, { count = 2 }))
    support.took(start, 2)
    assert.is_true(tasks[2]:done())
    assert.is_false(tasks[3]:done())
    assert.equal(4, tasks[4]:get())
  end)

  both("law 25: joinall raises the error that came first in time", function()
    local tasks = {}
    for i, seconds in ipairs { 3, 1, 2 } do
      tasks[i] = crun.spawn(function()
        crun.sleep(seconds)
        error("error of " .. i, 0)
      end)
    end
    local ok, err = pcall(crun.joinall, tasks, { raise = true })
    assert.is_false(ok)
    assert.equal("error of 2", err)
    crun.joinall(tasks)
  end)

  both("law 26: an error nobody fetches is reported once, with task and traceback", function()
    local failures = support.collect_failures()
    local task = crun.spawn(function()
      crun.sleep(1)
      error("alone")
    end)
    task.name = "lonely"
    crun.sleep(2)
    support.settle()
    assert.equal(1, #failures)
    assert.equal(task, failures[1].task)
    assert.matches("laws_join_spec.lua:%d+: alone", failures[1].err)
    assert.matches("laws_join_spec.lua:%d+: in function", failures[1].traceback)
    task:join()
    assert.is_false((pcall(task.get, task)))
    assert.equal(1, #failures)
  end)

  both("law 27: an error that somebody waits for is not reported", function()
    local failures = support.collect_failures()
    local task = crun.spawn(function() error("watched", 0) end)
    assert.same({ false, "watched" }, { pcall(task.get, task) })
    local joined = crun.spawn(function() error("joined") end)
    joined:join()
    assert.equal(0, #failures)
  end)

  both("law 28: end-of-task callbacks run in the order added, with the task", function()
    local log = support.log()
    local task = crun.spawn(function() crun.sleep(1) end)
    for i = 1, 3 do
      task:on_done(function(ended)
        assert.equal(task, ended)
        log(i)
      end)
    end
    task:join()
    support.settle()
    assert.equal("1 2 3", log:text())
  end)

  both("law 28: a callback added after the end runs soon, not inside the adding call", function()
    local log = support.log()
    local task = crun.spawn(function() end)
    task:join()
    task:on_done(function() log("called") end)
    log("added")
    support.settle()
    assert.equal("added called", log:text())
  end)

  both("law 29: a failing callback stops none of the others; each failure is reported", function()
    local failures = support.collect_failures()
    local log = support.log()
    local task = crun.spawn(function() end)
    task:on_done(function() error("first", 0) end)
    task:on_done(function() log("second") end)
    task:on_done(function() error("third", 0) end)
    task:on_done(function() log("fourth") end)
    task:join()
    support.settle()
    assert.equal("second fourth", log:text())
    assert.equal(2, #failures)
    assert.equal("first", failures[1].err)
    assert.equal("third", failures[2].err)
  end)

  both("law 30: a callback removed by an earlier one of the round is not called", function()
    local log = support.log()
    local task = crun.spawn(function() end)
    local second
    task:on_done(function()
      log("first")
      second:remove()
    end)
    second = task:on_done(function() log("second") end)
    task:on_done(function() log("third") end)
    task:join()
    support.settle()
    assert.equal("first third", log:text())
  end)
end)
