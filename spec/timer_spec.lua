-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

describe("Timer", function()
  both("calls its function once, the seconds after its start, with the arguments", function()
    local got, start = nil, crun.now()
    local timer = crun.Timer(2, function(...)
      assert.is_nil(got)
      got = table.pack(...)
      support.took(start, 3)
    end, nil, "b", nil)
    crun.sleep(1)
    assert.is_false(timer:is_alive())
    timer:start()
    assert.is_true(timer:is_alive())
    assert.is_true(timer:join())
    assert.same({ nil, "b", nil, n = 3 }, got)
    assert.is_false(timer:is_alive())
    support.took(start, 3)
  end)

  both("join waits for the call as well, and takes a timeout", function()
    local done = false
    local timer = crun.Timer(1, function()
      crun.sleep(2)
      done = true
    end)
    timer:start()
    local start = crun.now()
    assert.equal("ETIMEDOUT", select(3, timer:join(2)))
    assert.is_true(timer:is_alive())
    assert.equal("ETIMEDOUT", select(3, timer:join(0)))
    assert.is_true(timer:join(5))
    support.took(start, 3)
    assert.is_true(done)
    assert.is_true(timer:join(0))
  end)

  both("a cancelled one never calls, and join returns at once", function()
    local log, start = support.log(), crun.now()
    local timer = crun.Timer(5, log, "never")
    timer:start()
    crun.sleep(1)
    assert.is_true(timer:cancel())
    assert.is_false(timer:cancel())
    assert.is_true(timer:join())
    support.took(start, 1)
    crun.sleep(10)
    assert.equal("", log:text())
  end)

  both("cancel before the start counts, cancel after the call has begun does not", function()
    local log = support.log()
    local early = crun.Timer(1, log, "never")
    assert.is_true(early:cancel())
    early:start()
    assert.is_true(early:join())
    local late = crun.Timer(0, function()
      crun.sleep(1)
      log("called")
    end)
    late:start()
    support.settle()
    assert.is_false(late:cancel())
    late:join()
    assert.equal("called", log:text())
  end)

  both("a cancel in the turn in which its time has come still counts", function()
    local log, timer = support.log(), nil
    crun.call_later(1, function() assert.is_true(timer:cancel()) end)
    timer = crun.Timer(1 - 1e-9, log, "never")
    local task = crun.spawn(function()
      crun.sleep(1)
      timer:cancel()
    end)
    crun.yield()
    timer.seconds = 1
    timer:start()
    timer:join()
    task:join()
    assert.equal("", log:text())
  end)

  both("a call that fails is reported, whoever joins, with where it was started", function()
    local failures = support.collect_failures()
    local timer = crun.Timer(1, error, "broken", 0)
    local line = debug.getinfo(1, "l").currentline + 1
    timer:start()
    assert.is_true(timer:join())
    assert.equal(1, #failures)
    assert.equal("broken", failures[1].err)
    assert.is_truthy(failures[1].traceback:find("spawned at .-timer_spec.lua:" .. line .. "$"))
  end)

  both("one whose task is cancelled from outside leaves nobody waiting", function()
    local timer = crun.Timer(5, error)
    timer:start()
    local joiner = crun.spawn(timer.join, timer)
    for _, task in ipairs(crun.tasks()) do
      if task:status() == "new" and task ~= joiner then task:cancel() end
    end
    assert.is_true(joiner:get())
    assert.is_false(timer:is_alive())
  end)

  it("says what it is", function()
    local timer = crun.Timer(0.001, crun.sleep, 0.001)
    assert.equal("crun.Timer: not started", tostring(timer))
    timer:start()
    assert.equal("crun.Timer: waiting", tostring(timer))
    timer:join()
    assert.equal("crun.Timer: over", tostring(timer))
    local other = crun.Timer(1, print)
    other:cancel()
    assert.equal("crun.Timer: cancelled", tostring(other))
  end)

  it("refuses misuse, naming it", function()
    support.refuses({ "bad argument #1 to 'Timer'", "seconds", "soon" },
      function() crun.Timer("soon", print) end)
    support.refuses({ "bad argument #1 to 'Timer'" }, function() crun.Timer(0 / 0, print) end)
    support.refuses({ "bad argument #2 to 'Timer'", "function" }, function() crun.Timer(1) end)
    local timer = crun.Timer(0, function() end)
    support.refuses({ "before it can be joined" }, function() timer:join() end)
    timer:start()
    support.refuses({ "only once" }, function() timer:start() end)
    timer:join()
    support.refuses({ "only once" }, function() timer:start() end)
  end)

  both("its own call cannot join it", function()
    local timer, err
    timer = crun.Timer(1, function() err = support.raised(timer.join, timer) end)
    timer:start()
    timer:join()
    assert.is_truthy(err:find("cannot wait for itself", 1, true))
  end)

  it("keeps the program alive until it has called", function()
    for _, interpreter in ipairs { process.crun_bin, process.lua_bin } do
      local result = process.run([[
        local crun = require "crun"
        crun.Timer(0.02, print, "called"):start()
        print "main"
      ]], { interpreter = interpreter })
      assert.same({ 0, "main\ncalled\n", "" }, { result.status, result.out, result.err })
    end
  end)
end)
