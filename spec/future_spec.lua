-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local function set_later(seconds, ...)
  local future, values = crun.Future(), table.pack(...)
  crun.spawn(function()
    crun.sleep(seconds)
    future:set_result(table.unpack(values, 1, values.n))
  end)
  return future
end

local function fail_later(seconds, err)
  local future = crun.Future()
  crun.spawn(function()
    crun.sleep(seconds)
    future:set_error(err)
  end)
  return future
end

describe("Future", function()
  it("says what it is and how it ended", function()
    local future = crun.Future()
    assert.equal("crun.Future: pending, 0 waiting", tostring(future))
    local task = crun.spawn(function() return future:get() end)
    crun.yield()
    assert.equal("crun.Future: pending, 1 waiting", tostring(future))
    assert.same({ "pending", false, false },
      { future:status(), future:done(), future:cancelled() })
    future:set_result(1)
    assert.same({ "returned", true, false },
      { future:status(), future:done(), future:cancelled() })
    assert.equal("crun.Future: returned, 0 waiting", tostring(future))
    assert.equal(1, task:get())
    local gone = crun.Future()
    gone:cancel()
    assert.same({ "cancelled", true, true }, { gone:status(), gone:done(), gone:cancelled() })
    assert.is_nil(gone:exception().reason)
  end)

  it("tells where it was set to an error", function()
    local future = crun.Future()
    assert.equal("", future:traceback())
    future:set_error("no")
    assert.is_truthy(future:traceback():find("future_spec.lua", 1, true))
    assert.equal("no", future:exception())
  end)

  both("get and join with a timeout leave it as it is", function()
    local future, start = set_later(3, "late"), crun.now()
    assert.equal("ETIMEDOUT", select(3, future:get(1)))
    assert.equal("ETIMEDOUT", select(3, future:join(1)))
    support.took(start, 2)
    assert.equal("late", future:get(5))
    assert.is_true(future:join(0))
    support.took(start, 3)
  end)

  both("a getter that is cancelled leaves the others in their order", function()
    local future, log, tasks = crun.Future(), support.log(), {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        future:get()
        log(i)
      end)
    end
    support.settle()
    tasks[2]:cancel()
    future:set_result()
    crun.joinall(tasks)
    assert.equal("1 3", log:text())
    assert.is_true(tasks[2]:cancelled())
  end)

  both("a result that came before the cancel of its getter is delivered", function()
    local future, got = crun.Future(), nil
    local task = crun.spawn(function()
      got = future:get()
      crun.yield()
    end)
    support.settle()
    future:set_result("there")
    task:cancel()
    task:join()
    assert.equal("there", got)
    assert.is_true(task:cancelled())
  end)

  both("on_done is called once set, not within set_result, with the future", function()
    local future, log = crun.Future(), support.log()
    local removed = future:on_done(function() log("removed") end)
    future:on_done(function(f) log("first " .. tostring(f == future)) end)
    future:on_done(function(f) log("second " .. f:get()) end)
    removed:remove()
    future:set_result("x")
    assert.equal("", log:text())
    support.settle()
    assert.equal("first true second x", log:text())
    future:on_done(function() log("late") end)
    assert.equal("first true second x", log:text())
    support.settle()
    assert.equal("first true second x late", log:text())
  end)

  both("on_done is called for errors and cancels, too", function()
    local log = support.log()
    for _, how in ipairs { "set_error", "cancel" } do
      local future = crun.Future()
      future:on_done(function(f) log(f:status()) end)
      future[how](future, "why")
      support.settle()
    end
    assert.equal("failed cancelled", log:text())
  end)

  it("refuses misuse, naming it", function()
    local future = crun.Future()
    support.refuses({ "set_error", "value expected" }, function() future:set_error() end)
    support.refuses({ "function expected" }, function() future:on_done(1) end)
    support.refuses({ "seconds or nil expected", "soon" }, function() future:get("soon") end)
    support.refuses({ "seconds or nil expected" }, function() future:join(0 / 0) end)
    support.refuses({ "crun.Future expected" }, function() future.get(crun.Event()) end)
    assert.equal("pending", future:status())
  end)

  both("any value is an error, as for error()", function()
    for _, err in ipairs { false, 42, {}, print } do
      local future = crun.Future()
      future:set_error(err)
      assert.equal(err, support.raised(future.get, future))
    end
    local future = crun.Future()
    future:set_error(nil)
    assert.is_nil(support.raised(future.get, future))
    assert.equal("failed", future:status())
  end)

  both("many values fit", function()
    local future, values = crun.Future(), {}
    for i = 1, 250 do values[i] = i end
    future:set_result(table.unpack(values))
    assert.same(values, { future:get() })
    assert.equal(1, crun.gather(future))
  end)
end)

describe("a failed Future that nobody looked at", function()
  local function collect()
    for _ = 1, 3 do collectgarbage() end
    support.settle()
  end

  both("is reported once, when it is collected", function()
    local failures, reason = support.collect_failures(), {}
    do
      local future = crun.Future()
      future:set_error(reason)
    end
    collect()
    collect()
    assert.equal(1, #failures)
    assert.equal(reason, failures[1].err)
    assert.equal("crun.Future: failed, 0 waiting", tostring(failures[1].task))
    assert.is_truthy(failures[1].traceback:find("future_spec.lua", 1, true))
  end)

  both("is not reported once it has been looked at, or was waited for", function()
    local failures = support.collect_failures()
    local seen = crun.Future()
    seen:set_error("seen")
    seen:exception()
    local looks = {
      function(f) pcall(f.get, f) end,
      function(f) f:join() end,
      function(f) f:on_done(function() end) end,
      function(f) crun.joinall { f } end,
      function(f) pcall(crun.gather, f) end,
    }
    for _, look in ipairs(looks) do
      local failed, pending = crun.Future(), crun.Future()
      failed:set_error("looked at")
      look(failed)
      local task = crun.spawn(look, pending)
      crun.yield()
      pending:set_error("awaited")
      task:join()
    end
    collect()
    assert.same({}, failures)
  end)

  local function run(script)
    return process.run(script, { interpreter = process.crun_bin })
  end

  it("is told of on stderr, with where it was set, and makes the program fail", function()
    local result = run [[
      local crun = require "crun"
      crun.Future():set_error("lost")
      collectgarbage() collectgarbage()
      crun.sleep(0)
      io.stderr:write("then\n")
    ]]
    assert.is_truthy(result.err:find("^crun: a Future failed: lost\nstack traceback:\n"))
    assert.is_truthy(result.err:find("in main chunk.*\nthen\n$"))
    assert.equal(1, result.status)
  end)

  it("is told of at the program's end if it is still there", function()
    for _, interpreter in ipairs { process.crun_bin, process.interpreter } do
      local result = process.run([[
        local crun = require "crun"
        kept = crun.Future()
        kept:set_error("kept")
        looked = crun.Future()
        looked:set_error("looked")
        print(looked:exception())
      ]], { interpreter = interpreter })
      assert.equal("looked\n", result.out)
      assert.is_truthy(result.err:find("^crun: a Future failed: kept\n"))
      local _, times = result.err:gsub("a Future failed", "")
      assert.equal(1, times)
      if interpreter == process.crun_bin then assert.equal(1, result.status) end
    end
  end)
end)

describe("Futures together with tasks:", function()
  both("gather takes them where it takes tasks, nested too", function()
    local start = crun.now()
    local task = crun.spawn(function()
      crun.sleep(1)
      return "task"
    end)
    assert.same({ "future", { "task", "fn", nil }, "set" }, crun.gather {
      set_later(2, "future", 2),
      { task, function() return "fn" end, set_later(1) },
      set_later(0, "set"),
    })
    support.took(start, 2)
  end)

  both("the first failed one is raised and cancels the others", function()
    local reason, other = {}, crun.Future()
    local task = crun.spawn(crun.sleep, 10)
    assert.equal(reason, support.raised(crun.gather, task, fail_later(1, reason), other))
    assert.is_true(task:cancelled())
    assert.is_true(other:cancelled())
  end)

  both("a cancelled one raises its cancel error out of gather", function()
    local future = crun.Future()
    local task = crun.spawn(function() return crun.gather(future, crun.Future()) end)
    support.settle()
    future:cancel("picked out")
    assert.equal("picked out", support.raised(task.get, task).reason)
    assert.equal("failed", task:status())
  end)

  both("joinall and killall take them", function()
    local list = { set_later(1, 1), fail_later(2, "x"), crun.Future() }
    assert.equal("ETIMEDOUT", select(3, crun.joinall(list, 3)))
    assert.is_true(crun.joinall(list, { count = 2 }))
    assert.equal("x", support.raised(crun.joinall, list, { raise = true }))
    assert.is_true(crun.killall(list, "over"))
    assert.equal("over", list[3]:exception().reason)
  end)
end)
