-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local OUTSIDE = "attempt to yield from outside a coroutine"

describe("coroutine.yield at a task's root", function()
  both("raises as in the main chunk, and the task is not lost", function()
    local task = crun.spawn(function() coroutine.yield(1) end)
    task:join()
    assert.equal("failed", task:status())
    assert.matches(OUTSIDE, tostring(task:exception()))
  end)

  both("can be caught, and the task goes on waiting as before", function()
    local task = crun.spawn(function()
      local ok, err = pcall(coroutine.yield, 1, 2, 3)
      crun.sleep(1)
      local again = pcall(coroutine.yield)
      crun.sleep(1)
      return ok, err, again
    end)
    local ok, err, again = task:get()
    assert.same({ false, false }, { ok, again })
    assert.matches(OUTSIDE, err)
  end)

  both("raises in a tail call, as the task's function, and in metamethods", function()
    for _, body in ipairs {
      function() return coroutine.yield(1) end,
      coroutine.yield,
      function() return setmetatable({}, { __index = coroutine.yield }).x end,
      function() return -setmetatable({}, { __unm = function() coroutine.yield() end }) end,
      function() for x in coroutine.yield do error(x) end end,
      function()
        local _ <close> = setmetatable({}, { __close = function() coroutine.yield() end })
      end,
    } do
      local task = crun.spawn(body)
      task:join()
      assert.equal("failed", task:status())
      assert.matches(OUTSIDE, tostring(task:exception()))
    end
  end)

  both("runs clean-ups on its way out", function()
    local closed = false
    local task = crun.spawn(function()
      local _ <close> = setmetatable({}, { __close = function()
        crun.sleep(1)
        closed = true
      end })
      coroutine.yield()
    end)
    task:join()
    assert.is_true(closed)
  end)

  both("in the clean-up of a task that fails or is cancelled is that clean-up's error", function()
    for _, ending in ipairs { function() error("first") end, function() crun.sleep(10) end } do
      local log = support.log()
      local task = crun.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() log("outer") end })
        local _ <close> = setmetatable({}, { __close = function()
          local ok, err = pcall(coroutine.yield)
          log(tostring(ok) .. tostring(err):match("attempt to yield"))
          crun.shield(crun.sleep, 1)
          coroutine.yield()
        end })
        ending()
      end)
      crun.yield()
      task:cancel()
      task:join()
      assert.equal("falseattempt to yield outer", log:text())
      assert.equal("failed", task:status())
      assert.matches("attempt to yield", tostring(task:exception()))
    end
  end)

  it("raises in the main chunk too", function()
    assert.is_false((pcall(coroutine.yield)))
  end)
end)

describe("coroutines inside tasks", function()
  both("keep their meaning: yield goes to the resumer, not to the hub", function()
    local co = coroutine.create(function(a)
      crun.sleep(1)
      local b = coroutine.yield(a + 1)
      crun.yield()
      return b * 2
    end)
    assert.same({ true, 2 }, { coroutine.resume(co, 1) })
    assert.equal("suspended", coroutine.status(co))
    assert.same({ true, 20 }, { coroutine.resume(co, 10) })
    assert.equal("dead", coroutine.status(co))
  end)

  both("may be handed from task to task between resumes", function()
    local generator = coroutine.wrap(function()
      for i = 1, 6 do
        crun.sleep(1)
        coroutine.yield(i)
      end
    end)
    local log = support.log()
    for _ = 1, 3 do
      crun.spawn(function()
        log(generator())
        log(generator())
      end):join()
    end
    assert.equal("1 2 3 4 5 6", log:text())
  end)

  both("that wait cannot be resumed by another task meanwhile", function()
    local co = coroutine.create(function()
      crun.sleep(1)
      return "done"
    end)
    local owner = crun.spawn(function() return select(2, coroutine.resume(co)) end)
    crun.yield()
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.matches("cannot resume", err)
    assert.is_false((pcall(coroutine.close, co)))
    assert.equal("done", owner:get())
    assert.equal("dead", coroutine.status(co))
  end)

  both("thousands of generators that wait", function()
    local sum = 0
    for i = 1, support.scaled(2000) do
      local generator = coroutine.wrap(function()
        crun.yield()
        coroutine.yield(i)
      end)
      sum = sum + generator() - i
    end
    assert.equal(0, sum)
  end)

  both("abandoned while suspended are no leak", function()
    local weak = setmetatable({}, { __mode = "k" })
    local function abandon()
      local co = coroutine.create(function()
        crun.yield()
        coroutine.yield()
      end)
      coroutine.resume(co)
      weak[co] = true
    end
    crun.spawn(abandon):join()
    collectgarbage()
    collectgarbage()
    assert.equal(nil, (next(weak)))
  end)
end)

describe("a task's own thread in foreign hands", function()
  local function parked()
    local thread
    local task = crun.spawn(function()
      thread = coroutine.running()
      crun.sleep(1)
      return "fine"
    end)
    crun.yield()
    return task, thread
  end

  support.by_stack("cannot be resumed or closed: an error, and the task goes on", function()
    local task, thread = parked()
    for _ = 1, 3 do
      local ok, err = coroutine.resume(thread, "x")
      assert.is_false(ok)
      assert.matches("cannot resume", err)
      assert.is_false((pcall(coroutine.close, thread)))
    end
    assert.equal("fine", task:get())
  end)

  support.by_yield("resumed: an error to both, the task fails and is not lost", function()
    local task, thread = parked()
    local ok, err = coroutine.resume(thread, "x")
    assert.is_false(ok)
    assert.matches("resume", tostring(err))
    assert.is_false((coroutine.resume(thread)))
    assert.is_true(task:join())
    assert.equal("failed", task:status())
    assert.matches("resume", tostring(task:exception()))
  end)

  support.by_yield("closed: its clean-up runs, the task fails and is not lost", function()
    local thread, closed
    local task = crun.spawn(function()
      thread = coroutine.running()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      crun.sleep(1)
    end)
    crun.yield()
    coroutine.close(thread)
    assert.is_true(closed)
    assert.is_true(task:join())
    assert.equal("failed", task:status())
  end)

  both("cannot be resumed by itself or after the end", function()
    local thread
    local task = crun.spawn(function()
      thread = coroutine.running()
      return coroutine.resume(thread)
    end)
    local ok = task:get()
    assert.is_false(ok)
    local resumed = coroutine.resume(thread)
    assert.is_false(resumed)
  end)

  both("may be looked at with the debug library", function()
    local task, thread = parked()
    assert.equal("string", type(debug.traceback(thread)))
    assert.equal("string", type(coroutine.status(thread)))
    task:join()
  end)
end)

describe("hooks", function()
  both("work in tasks that come after one that ended by an error raised in a hook", function()
    local function stray() coroutine.yield() end
    local function in_hook()
      debug.sethook(function() error("from the hook") end, "", 10)
      for _ = 1, 1000 do end
    end
    for _, ending in ipairs { stray, in_hook } do
      for _ = 1, 5 do crun.spawn(ending):join() end
      for _ = 1, 5 do
        local calls = 0
        crun.spawn(function()
          debug.sethook(function() calls = calls + 1 end, "", 10)
          for _ = 1, 1000 do end
          debug.sethook()
        end):join()
        assert.is_true(calls > 10)
      end
    end
  end)

  both("of a task end with it and do not reach tasks that come later", function()
    local calls = 0
    crun.spawn(function()
      debug.sethook(function() calls = calls + 1 end, "", 10)
      crun.yield()
    end):join()
    local before = calls
    for _ = 1, 5 do
      crun.spawn(function()
        assert.equal(nil, (debug.gethook()))
        local sum = 0
        for i = 1, 1000 do sum = sum + i end
        crun.yield()
      end):join()
    end
    assert.equal(before, calls)
  end)
end)
