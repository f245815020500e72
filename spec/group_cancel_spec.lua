-- SPDX-License-Identifier: MIT

local crun = require "crun"
local core = require "crun.core"
local process = require "spec.support.process"
local support = require "spec.support"
local after, failing, both = support.after, support.failing, support.both
local failure = support.group_error

describe("a cancelled group:", function()
  both("cancels tasks and body with the reason; group() then returns ECANCELED", function()
    local seen, body
    local ok, message, code = crun.group(function(group)
      group:spawn(function()
        seen = support.raised(crun.sleep, 100)
        error(seen, 0)
      end)
      crun.sleep(1)
      assert.is_true(group:cancel("enough"))
      assert.is_false(group:cancel("again"))
      body = support.raised(crun.sleep, 100)
      crun.sleep(1)
    end)
    assert.same({ nil, "ECANCELED: enough", "ECANCELED" }, { ok, message, code })
    assert.same({ "enough", "enough" }, { seen.reason, body.reason })
    assert.matches("group_cancel_spec.lua:%d+$", seen.origin)
    assert.equal(seen.origin, body.origin)
  end)

  both("whose body returns all the same gives its results", function()
    assert.equal("done", crun.group(function(group)
      group:spawn(crun.sleep, 100)
      group:cancel()
      return "done"
    end))
    assert.equal("ECANCELED: the group was cancelled", select(2, crun.group(function(group)
      group:cancel()
      crun.sleep(1)
    end)))
  end)

  both("may be cancelled by one of its tasks, or from outside", function()
    local code = select(3, crun.group(function(group)
      group:spawn(function()
        crun.sleep(1)
        group:cancel("by a task")
      end)
      crun.sleep(100)
    end))
    assert.equal("ECANCELED", code)
    local handle
    crun.spawn(function()
      crun.sleep(1)
      handle:cancel("while it closes")
    end)
    local start = crun.now()
    assert.equal("ended", crun.group(function(group)
      handle = group
      group:spawn(crun.sleep, 100)
      return "ended"
    end))
    support.took(start, 1)
    assert.is_false(handle:cancel("too late"))
  end)

  both("keeps the errors of clean-ups", function()
    local err = failure(function(group)
      group:spawn(function()
        pcall(crun.sleep, 100)
        error("while cleaning up", 0)
      end)
      crun.yield()
      group:cancel()
      crun.sleep(1)
    end)
    assert.same({ "while cleaning up" }, err.errors)
  end)

  both("waits for a task that takes no notice of the cancel", function()
    local start = crun.now()
    crun.group(function(group)
      group:spawn(function()
        for _ = 1, 3 do
          pcall(crun.sleep, 100)
          crun.shield(crun.sleep, 1)
        end
      end)
      crun.yield()
      group:cancel()
    end)
    support.took(start, 3)
  end)

  both("leaves the rest of its task alone", function()
    crun.group(function(group) group:cancel() end)
    crun.sleep(1)
    pcall(function()
      local group <close> = crun.Group()
      group:cancel()
      crun.sleep(1)
    end)
    crun.sleep(1)
  end)
end)

describe("the cancel of a group's owner:", function()
  local function owned(body)
    local owner = crun.spawn(crun.group, body)
    crun.sleep(1)
    return owner
  end

  both("reaches the tasks with its reason and origin, in the body and in the end", function()
    for _, stay in ipairs { true, false } do
      local seen
      local owner = owned(function(group)
        group:spawn(function()
          crun.group(function(inner)
            inner:spawn(function() seen = support.raised(crun.sleep, 100) end)
          end)
        end)
        if stay then crun.sleep(100) end
      end)
      owner:cancel("from far")
      owner:join()
      assert.is_true(owner:cancelled())
      assert.same({ "from far", owner:exception().origin }, { seen.reason, seen.origin })
      assert.matches("^cancelled: from far %(by .*group_cancel_spec.lua:%d+%)$", tostring(seen))
    end
  end)

  both("is over only when the tasks have unwound", function()
    local start, cleaned = crun.now(), false
    local owner = owned(function(group)
      group:spawn(function()
        pcall(crun.sleep, 100)
        crun.shield(crun.sleep, 5)
        cleaned = true
      end)
    end)
    owner:cancel()
    crun.sleep(1)
    owner:cancel("once more, while they unwind")
    owner:join()
    assert.is_true(cleaned)
    assert.is_true(owner:cancelled())
    support.took(start, 6)
  end)

  both("while the tasks unwind after a failure: the failure stands", function()
    local owner = owned(function(group)
      group:spawn(function()
        pcall(crun.sleep, 100)
        crun.shield(crun.sleep, 5)
      end)
      group:spawn(failing(0.5, "first"))
    end)
    owner:cancel("meanwhile")
    local err = support.raised(owner.get, owner)
    assert.same({ "first" }, err.errors)
    assert.equal("failed", owner:status())
  end)

  both("errors of clean-ups are not lost", function()
    local owner = owned(function(group)
      group:spawn(function()
        pcall(crun.sleep, 100)
        error("in clean-up", 0)
      end)
      crun.sleep(100)
    end)
    owner:cancel()
    assert.same({ "in clean-up" }, support.raised(owner.get, owner).errors)
  end)

  both("before the body runs anything", function()
    local owner
    owner = crun.spawn(function()
      owner:cancel("early")
      local ran = false
      local ok, err = pcall(crun.group, function(group)
        group:spawn(function()
          ran = true
          crun.sleep(1)
          ran = "too long"
        end)
      end)
      return ok, err.reason, ran
    end)
    assert.same({ false, "early", false }, { owner:get() })
  end)

  both("an error thrown at it is the body's", function()
    local owner = owned(function(group) group:spawn(crun.sleep, 100) end)
    owner:throw("thrown")
    local err = support.raised(owner.get, owner)
    assert.same({ { "thrown" }, { false } }, { err.errors, err.tasks })
  end)

  both("a timeout around a group ends it after the clean-ups", function()
    local start, seen = crun.now(), nil
    local _, _, code = crun.with_timeout(1, crun.group, function(group)
      group:spawn(function()
        seen = support.raised(crun.sleep, 100)
        crun.shield(crun.sleep, 2)
      end)
    end)
    assert.equal("ETIMEDOUT", code)
    support.took(start, 3)
    assert.equal("timed out", seen.reason)
    assert.matches("group_cancel_spec.lua:%d+$", seen.origin)
  end)

  both("timeouts inside and outside: each at its place", function()
    local inner, outer
    outer = select(3, crun.with_timeout(2, crun.group, function(group)
      inner = select(3, crun.with_timeout(1, crun.sleep, 100))
      group:spawn(crun.sleep, 100)
      crun.with_timeout(50, crun.group, function(nested) nested:spawn(crun.sleep, 100) end)
      inner = "not reached"
    end))
    assert.same({ "ETIMEDOUT", "ETIMEDOUT" }, { inner, outer })
  end)

  both("a timeout and an error in clean-up: the error passes", function()
    local err = support.raised(crun.with_timeout, 1, crun.group, function(group)
      group:spawn(function()
        pcall(crun.sleep, 100)
        error("in clean-up", 0)
      end)
    end)
    assert.same({ "in clean-up" }, err.errors)
  end)

  both("in a shield the end waits for all", function()
    local start = crun.now()
    local owner = crun.spawn(crun.shield, crun.group, function(group)
      group:spawn(crun.sleep, 5)
    end)
    crun.sleep(1)
    owner:cancel()
    owner:join()
    support.took(start, 5)
  end)
end)

describe("groups, odd ends:", function()
  both("a deadlock in a group frees its tasks and is raised", function()
    local log = support.log()
    local function stuck(group)
      group:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() log("freed") end })
        crun.Event():wait()
      end)
    end
    local waiter = crun.spawn(crun.group, stuck)
    crun.sleep(1)
    assert.is_false(waiter:done())
    waiter:cancel()
    waiter:join()
    assert.equal("freed", log:text())
  end)

  it("a deadlock of the main task", function()
    local freed = false
    local err = support.raised(crun.group, function(group)
      group:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() freed = true end })
        crun.Event():wait()
      end)
    end)
    assert.equal("EDEADLK", err.code)
    assert.matches("main waits: Group:close %(1 running%)", tostring(err))
    assert.is_true(freed)
  end)

  both("a generator with an open group in it may be dropped", function()
    local task
    do
      local generator = coroutine.wrap(function()
        local group <close> = crun.Group()
        task = group:spawn(after(1, "went on"))
        coroutine.yield()
      end)
      generator()
    end
    collectgarbage()
    assert.equal("went on", task:get())
    collectgarbage()
    collectgarbage()
    crun.sleep(1)
  end)

  both("failures in a group that nobody closes are reported when it is collected", function()
    local failures = support.collect_failures()
    local function forget()
      local group = crun.Group()
      group:spawn(failing(1, "first")).name = "forgotten"
      group:spawn(function()
        pcall(crun.sleep, 100)
        error("second", 0)
      end)
    end
    crun.spawn(forget):join()
    crun.sleep(2)
    assert.equal(0, #failures)
    collectgarbage()
    collectgarbage()
    support.settle()
    assert.same({ "first", "second" }, { failures[1].err, failures[2].err })
    assert.equal("forgotten", failures[1].task.name)
    assert.matches("^stack traceback:", failures[1].traceback)
    collectgarbage()
    support.settle()
    assert.equal(2, #failures)
  end)

  it("and at the latest at the program's end", function()
    local path = process.script [[
local crun = require "crun"
group = crun.Group()
group:spawn(error, "unheard", 0).name = "child"
closed = crun.Group()
closed:spawn(error, "heard", 0)
print(pcall(closed.close, closed))
]]
    local result = process.run_file(path)
    os.remove(path)
    assert.matches("task#2 'child' failed: unheard\n", result.err)
    assert.is_nil(result.err:find("heard", result.err:find("unheard") + 8, true))
    assert.equal(process.under_crun and 1 or 0, result.status)
  end)

  both("nothing stays registered when it is over", function()
    local stats = core.stats()
    for _ = 1, 10 do
      failure(function(group)
        for _ = 1, 10 do group:spawn(crun.sleep, 100) end
        group:spawn(failing(1, "no"))
      end)
    end
    assert.equal(stats.timers, core.stats().timers)
  end)
end)
