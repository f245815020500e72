-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local function nothing() end

describe("call_soon, call_later and call_at", function()
  both("pass arguments on, nils included", function()
    local got
    local function note(...) got = table.pack(...) end
    for _, ask in ipairs {
      function(...) crun.call_soon(note, ...) end,
      function(...) crun.call_later(1, note, ...) end,
      function(...) crun.call_at(crun.now() + 1, note, ...) end,
    } do
      got = nil
      ask(nil, 2, nil)
      crun.sleep(2)
      assert.same({ nil, 2, nil, n = 3 }, got)
      ask()
      crun.sleep(2)
      assert.equal(0, got.n)
    end
  end)

  both("call_later counts from the call, and is exact", function()
    local start, took = crun.now(), {}
    for _, seconds in ipairs { 3, 1, 2, 0.25 } do
      crun.call_later(seconds, function() took[#took + 1] = crun.now() - start end)
    end
    crun.sleep(5)
    assert.equal(4, #took)
    for i, seconds in ipairs { 0.25, 1, 2, 3 } do
      assert.is_true(math.abs(took[i] - seconds) < 1e-6)
    end
  end)

  both("what has passed is called soon, not at once", function()
    local log = support.log()
    crun.call_at(crun.now() - 10, log, "past")
    crun.call_at(-1, log, "long past")
    crun.call_later(-1, log, "negative")
    crun.call_later(0, log, "zero")
    assert.equal("", log:text())
    support.settle()
    assert.equal("long past past negative zero", log:text())
  end)

  both("a call may wait, and is a task of its own", function()
    local log = support.log()
    local function nap(name)
      assert(crun.current())
      crun.sleep(1)
      log(name)
    end
    crun.call_later(1, nap, "later")
    crun.call_soon(nap, "soon")
    crun.sleep(1.5)
    assert.equal("soon", log:text())
    crun.sleep(1)
    assert.equal("soon later", log:text())
  end)

  both("a call that fails is reported, with where it was asked for", function()
    local failures = support.collect_failures()
    local line = debug.getinfo(1, "l").currentline
    crun.call_later(1, error, "later", 0)
    crun.call_soon(error, "soon", 0)
    crun.sleep(2)
    assert.same({ "soon", "later" }, { failures[1].err, failures[2].err })
    for i, at in ipairs { line + 2, line + 1 } do
      assert.is_truthy(failures[i].traceback:find("spawned at .-loop_spec.lua:" .. at .. "$"))
    end
  end)

  both("a handle cancels a call that has not begun, and only that", function()
    local log = support.log()
    local handles = {
      crun.call_soon(log, "soon"),
      crun.call_later(1, log, "later"),
      crun.call_at(crun.now() + 1, log, "at"),
    }
    for _, handle in ipairs(handles) do
      assert.is_false(handle:cancelled())
      assert.is_true(handle:cancel())
      assert.is_true(handle:cancelled())
      assert.is_false(handle:cancel())
      assert.equal("crun.Handle: cancelled", tostring(handle))
    end
    local begun = crun.call_soon(function()
      crun.sleep(1)
      log("begun")
    end)
    crun.yield()
    assert.is_false(begun:cancel())
    assert.is_false(begun:cancelled())
    crun.sleep(2)
    assert.equal("begun", log:text())
    assert.equal("crun.Handle: started", tostring(begun))
  end)

  both("a call that is due and has not begun can still be cancelled", function()
    local log, handle = support.log(), nil
    crun.call_later(1, function() assert.is_true(handle:cancel()) end)
    handle = crun.call_later(1, log, "never")
    crun.sleep(2)
    assert.equal("", log:text())
    assert.is_true(handle:cancelled())
  end)

  both("a handle knows when it is due", function()
    local now = crun.now()
    assert.equal(now + 7, crun.call_at(now + 7, nothing):when())
    assert.equal(now, crun.call_soon(nothing):when())
    local later = crun.call_later(2, nothing)
    assert.is_true(math.abs(later:when() - now - 2) < 1e-6)
    assert.is_truthy(tostring(later):find("^crun%.Handle: due at %d"))
    crun.sleep(10)
  end)

  both("a pending call keeps its function and arguments, and a cancelled one lets them go",
    function()
      local weak, got = setmetatable({}, { __mode = "v" }), nil
      weak.kept, weak.gone = {}, {}
      crun.call_later(1, function(value) got = value end, weak.kept)
      local handle = crun.call_later(1, nothing, weak.gone)
      handle:cancel()
      collectgarbage()
      assert.is_nil(weak.gone)
      crun.sleep(2)
      assert.is_table(got)
    end)

  both("many calls are made in the order of their times", function()
    local count, last, ordered = support.scaled(2000), 0, true
    local random = 7
    local now = crun.now()
    for _ = 1, count do
      random = random * 16807 % 2147483647
      local at = now + random % 1000 / 100
      crun.call_at(at, function()
        ordered = ordered and at >= last
        last = at
      end)
    end
    crun.sleep(20)
    assert.is_true(ordered)
    assert.is_true(last > 0)
  end)

  it("refuse misuse, naming it", function()
    support.refuses({ "call_soon", "function expected" }, function() crun.call_soon(1) end)
    for _, seconds in ipairs { "1", 0 / 0, math.huge, 1e300, {} } do
      support.refuses({ "call_later", "seconds expected, got " .. tostring(seconds) },
        function() crun.call_later(seconds, print) end)
    end
    support.refuses({ "call_at", "seconds expected" }, function() crun.call_at(nil, print) end)
    support.refuses({ "call_at", "function expected" }, function() crun.call_at(1) end)
    support.refuses({ "too many arguments" }, function()
      crun.call_later(1, print, table.unpack({}, 1, 251))
    end)
  end)
end)

describe("the program and its pending calls:", function()
  local function run(script)
    local results = {}
    for _, interpreter in ipairs { process.crun_bin, process.lua_bin } do
      results[#results + 1] = process.run(script, { interpreter = interpreter })
    end
    return results
  end

  it("the program does not end before a call_soon, and not later for a call_later", function()
    for _, result in ipairs(run [[
      local crun = require "crun"
      crun.call_later(100, print, "never")
      crun.call_soon(print, "soon")
      print "main"
    ]]) do
      assert.same({ 0, "main\nsoon\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("a wait for what a pending call brings is no deadlock", function()
    for _, result in ipairs(run [[
      local crun = require "crun"
      local event = crun.Event()
      crun.call_later(0.01, event.set, event)
      print(event:wait())
    ]]) do
      assert.same({ 0, "true\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("a call that was due while others were waited for is made, and waited for", function()
    for _, result in ipairs(run [[
      local crun = require "crun"
      crun.call_later(0.01, function()
        crun.sleep(0.05)
        print "call"
      end)
      crun.spawn(crun.sleep, 0.03)
    ]]) do
      assert.same({ 0, "call\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("calls that come due while daemons clean up at the end are dropped", function()
    for _, result in ipairs(run [[
      local crun = require "crun"
      crun.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          crun.shield(crun.sleep, 0.03)
          print "cleaned up"
        end })
        crun.sleep(100)
      end).daemon = true
      crun.yield()
      crun.call_later(0.01, print, "never")
    ]]) do
      assert.same({ 0, "cleaned up\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("os.exit drops pending calls", function()
    local result = process.run([[
      local crun = require "crun"
      crun.call_later(0.01, print, "never")
      crun.call_soon(os.exit, 3, true)
      crun.sleep(1)
    ]], { interpreter = process.crun_bin })
    assert.same({ 3, "", "" }, { result.status, result.out, result.err })
  end)

  it("nothing can be asked for once all has ended", function()
    local result = process.run([[
      local crun = require "crun"
      local task = crun.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          print(pcall(crun.call_later, 1, print))
        end })
        crun.sleep(100)
      end)
      task.daemon = true
      crun.yield()
    ]], { interpreter = process.crun_bin })
    assert.is_truthy(result.out:find("^false\t.*crun has ended"))
    assert.equal(0, result.status)
  end)
end)

describe("run", function()
  both("returns the results of the function, nils included", function()
    assert.same({ nil, "b", nil, n = 3 }, table.pack(crun.run(function(...)
      crun.sleep(1)
      return ...
    end, nil, "b", nil)))
    assert.equal(0, select("#", crun.run(nothing)))
  end)

  both("raises its error as it is", function()
    local reason = {}
    assert.equal(reason, support.raised(crun.run, function()
      crun.sleep(1)
      error(reason)
    end))
  end)

  both("waits for a Task or a Future, too", function()
    local task = crun.spawn(function()
      crun.sleep(1)
      return "task"
    end)
    local future = crun.Future()
    crun.call_later(1, future.set_result, future, "future")
    assert.equal("task", crun.run(task))
    assert.equal("future", crun.run(future))
  end)

  both("may be nested, and leaves other tasks alone", function()
    local other = crun.spawn(crun.sleep, 10)
    assert.equal("inner", crun.run(function()
      return crun.run(function()
        crun.sleep(1)
        return "inner"
      end)
    end))
    assert.is_false(other:done())
    other:cancel()
  end)

  both("takes its function along when it is cancelled, clean-up included", function()
    local log = support.log()
    local runner = crun.spawn(crun.run, function()
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(crun.sleep, 2)
        log("unwound")
      end })
      crun.sleep(100)
    end)
    support.settle()
    local start = crun.now()
    runner:cancel("enough")
    runner:join()
    assert.equal("unwound", log:text())
    assert.equal("enough", runner:exception().reason)
    support.took(start, 2)
  end)

  both("a timeout around it cancels what it runs", function()
    local inner
    local _, _, code = crun.with_timeout(1, crun.run, function()
      inner = crun.current()
      crun.sleep(10)
    end)
    assert.equal("ETIMEDOUT", code)
    assert.is_true(inner:cancelled())
  end)

  it("refuses what it cannot run", function()
    support.refuses({ "bad argument #1 to 'run'", "function, Task or Future expected", "number" },
      function() crun.run(42) end)
  end)
end)

describe("run_forever and stop:", function()
  both("stop lets what is ready have its turn, then run_forever returns", function()
    local log, start = support.log(), crun.now()
    crun.call_later(1, function()
      log("stopping")
      crun.stop()
      crun.stop()
      crun.call_soon(log, "too late")
      log("stopped")
    end)
    crun.call_later(1, log, "same turn")
    crun.run_forever()
    log("returned")
    assert.equal("stopping stopped same turn returned", log:text())
    support.took(start, 1)
    support.settle()
    assert.equal("stopping stopped same turn returned too late", log:text())
  end)

  both("a stop before makes it return after one turn, once", function()
    local log = support.log()
    crun.call_soon(log, "ready")
    crun.spawn(function()
      log("task")
      crun.sleep(1)
      log("later")
    end)
    crun.stop()
    crun.run_forever()
    assert.equal("ready task", log:text())
    local start = crun.now()
    crun.call_later(2, crun.stop)
    crun.run_forever()
    support.took(start, 2)
    assert.equal("ready task later", log:text())
  end)

  both("a second one at the same time is refused", function()
    local task = crun.spawn(function()
      support.refuses({ "run_forever is already running", "test" }, function()
        crun.run_forever()
      end)
      crun.stop()
    end)
    crun.run_forever()
    task:get()
  end)

  both("a cancel ends it, and it can be run again", function()
    local task = crun.spawn(crun.run_forever)
    support.settle()
    task:cancel("signal")
    task:join()
    assert.equal("signal", task:exception().reason)
    crun.call_later(1, crun.stop)
    crun.run_forever()
  end)

  it("with nothing left that could stop it, it is a deadlock", function()
    local result = process.run([[
      local crun = require "crun"
      crun.call_later(0.01, print, "last")
      crun.run_forever()
    ]], { interpreter = process.crun_bin })
    assert.same({ 2, "last\n" }, { result.status, result.out })
    assert.is_truthy(result.err:find("deadlock", 1, true))
  end)
end)
