-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

--- A value whose <close> notes a word.
local function closing(log, word)
  return setmetatable({}, { __close = function() log(word) end })
end

describe("laws of kill and cancel:", function()
  both("law 32: a task cancelled before its first turn never starts", function()
    local ran, called = false, false
    local task = crun.spawn(function() ran = true end)
    local joiner = crun.spawn(function() return task:join() end)
    task:on_done(function() called = true end)
    assert.is_true(task:cancel("not needed"))
    assert.is_true(joiner:get())
    support.settle()
    assert.is_false(ran)
    assert.is_true(called)
    assert.equal("cancelled", task:status())
    assert.is_true(task:cancelled())
  end)

  both("law 33: a cancel ends the wait there; clean-up runs, the innermost first", function()
    local log = support.log()
    local task = crun.spawn(function()
      local _ <close> = closing(log, "outer")
      local function inner()
        local _ <close> = closing(log, "inner")
        crun.sleep(10)
        log("never")
      end
      inner()
      log("never")
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.equal("inner outer", log:text())
    assert.is_true(task:cancelled())
  end)

  both("law 33: a <close> variable receives the cancel error", function()
    local seen
    local task = crun.spawn(function()
      local _ <close> = setmetatable({}, { __close = function(_, err) seen = err end })
      crun.sleep(10)
    end)
    crun.yield()
    task:cancel("why not")
    task:join()
    assert.equal(task:exception(), seen)
    assert.equal("why not", seen.reason)
  end)

  both("law 33: a cancel ends a yield too: nothing after it runs", function()
    local log = support.log()
    local task = crun.spawn(function()
      log("started")
      crun.yield()
      log("never")
    end)
    crun.yield()
    task:cancel("during the yield")
    task:join()
    assert.equal("started", log:text())
    assert.is_true(task:cancelled())
  end)

  both("law 34: cancel returns at once and takes effect soon; killall when all is over", function()
    local log = support.log()
    local function body()
      local _ <close> = closing(log, "over")
      crun.sleep(10)
    end
    local task = crun.spawn(body)
    crun.yield()
    task:cancel()
    log("cancelled")
    assert.is_false(task:done())
    task:join()
    local other = crun.spawn(body)
    crun.yield()
    crun.killall { other }
    log("killed")
    assert.is_true(other:done())
    assert.equal("cancelled over over killed", log:text())
  end)

  both("law 35: cancelling a finished task changes nothing", function()
    local calls = 0
    local task = crun.spawn(function() return "value" end)
    task:on_done(function() calls = calls + 1 end)
    task:join()
    support.settle()
    assert.is_false(task:cancel())
    assert.is_false(task:cancel("again"))
    support.settle()
    assert.same({ "value", "returned", false, 1 },
      { task:result(), task:status(), task:cancelled(), calls })
  end)

  both("law 35: the first reason stands when a task is cancelled twice", function()
    local task = crun.spawn(function() crun.sleep(10) end)
    crun.yield()
    assert.is_true(task:cancel("first"))
    task:cancel("second")
    task:join()
    assert.equal("first", task:exception().reason)
  end)

  both("law 36: a plain cancel is no failure to report; the task counts as cancelled", function()
    local failures = support.collect_failures()
    local task = crun.spawn(function() crun.sleep(10) end)
    crun.yield()
    task:cancel("enough")
    support.settle()
    assert.same({ "cancelled", true, true }, { task:status(), task:cancelled(), task:done() })
    assert.equal(0, #failures)
    assert.equal(nil, (task:result()))
  end)

  both("law 36: get on a cancelled task raises its cancel error", function()
    local task = crun.spawn(function() crun.sleep(10) end)
    crun.yield()
    task:cancel("enough")
    local err = support.raised(task.get, task)
    assert.equal(task:exception(), err)
    assert.equal("crun.Cancelled", getmetatable(err).__name or err.__name)
    assert.equal("enough", err.reason)
    assert.matches("laws_cancel_spec.lua:%d+", err.origin)
    assert.matches("^cancelled: enough", tostring(err))
  end)

  both("law 37: throw makes the task fail with the caller's own object", function()
    local reason = { "mine" }
    local task = crun.spawn(function() crun.sleep(10) end)
    crun.yield()
    task:throw(reason)
    assert.equal(reason, support.raised(task.get, task))
    assert.equal("failed", task:status())
  end)

  both("law 37: a thrown error is raised once and may be caught", function()
    local task = crun.spawn(function()
      local ok, err = pcall(crun.sleep, 10)
      crun.sleep(1)
      return ok, err
    end)
    crun.yield()
    task:throw("only once")
    assert.same({ false, "only once" }, { task:get() })
  end)

  both("law 38: pcall does not swallow a cancel for good: each wait raises it again", function()
    local caught = 0
    local task = crun.spawn(function()
      for _ = 1, 3 do
        if not pcall(crun.sleep, 10) then caught = caught + 1 end
      end
      crun.sleep(10)
      caught = "never"
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.equal(3, caught)
    assert.is_true(task:cancelled())
  end)

  both("law 38: every kind of wait raises the cancel again", function()
    local queue = crun.Queue(1)
    local other = crun.spawn(function() crun.sleep(100) end)
    local waits = {
      function() crun.sleep(1) end,
      function() crun.yield() end,
      function() queue:get() end,
      function() queue:get(5) end,
      function() other:join() end,
      function() other:get(1) end,
      function() crun.joinall({ other }) end,
      function() crun.with_timeout(5, crun.sleep, 1) end,
    }
    local task = crun.spawn(function()
      local errors = {}
      for i, wait in ipairs(waits) do
        errors[i] = support.raised(wait)
      end
      return errors
    end)
    crun.yield()
    task:cancel("level")
    for i, err in ipairs(task:get()) do
      assert.equal("level", err.reason, "wait " .. i)
    end
    crun.killall { other }
  end)

  both("law 38: a task that catches it, cleans up in a shield and returns counts as returned",
    function()
      local task = crun.spawn(function()
        local ok = pcall(crun.sleep, 10)
        crun.shield(function() crun.sleep(2) end)
        return ok
      end)
      crun.yield()
      task:cancel()
      assert.same({ false }, { task:get() })
      assert.same({ "returned", false }, { task:status(), task:cancelled() })
    end)
end)
