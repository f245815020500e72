-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

describe("laws of tasks and scheduling:", function()
  both("law 1: spawn returns at once; the task runs at the spawner's next wait", function()
    local ran = false
    local task = crun.spawn(function() ran = true end)
    assert.is_false(ran)
    assert.equal("new", task:status())
    crun.yield()
    assert.is_true(ran)
  end)

  both("law 1: any wait of the spawner will do", function()
    for _, wait in ipairs {
      function() crun.sleep(0) end,
      function() crun.sleep(0.01) end,
      function() crun.Queue():get(0.01) end,
      function() crun.spawn(function() end):join() end,
    } do
      local ran = false
      crun.spawn(function() ran = true end)
      assert.is_false(ran)
      wait()
      assert.is_true(ran)
    end
  end)

  both("law 2: tasks spawned one after another start in that order", function()
    local log = support.log()
    for i = 1, 5 do
      crun.spawn(log, i)
    end
    crun.yield()
    assert.equal("1 2 3 4 5", log:text())
  end)

  both("law 3: sleep(0) lets every ready task run once before its caller goes on", function()
    for _, pause in ipairs { function() crun.sleep(0) end, crun.yield } do
      local log = support.log()
      local function body(n)
        log(n .. "A")
        pause()
        log(n .. "B")
      end
      local one, two = crun.spawn(body, 1), crun.spawn(body, 2)
      one:join()
      two:join()
      assert.equal("1A 2A 1B 2B", log:text())
    end
  end)

  it("law 4: a task looping on sleep(0) starves no timer", function()
    local turns = 0
    local _, _, code = crun.with_timeout(0.02, function()
      while true do
        crun.sleep(0)
        turns = turns + 1
      end
    end)
    assert.equal("ETIMEDOUT", code)
    assert.is_true(turns > 10)
  end)

  it("law 4: two tasks yielding to each other starve no timer", function()
    local function spin() while true do crun.yield() end end
    local tasks = { crun.spawn(spin), crun.spawn(spin) }
    crun.sleep(0.02)
    crun.killall(tasks)
  end)

  both("law 5: arguments reach the function unchanged, nils included", function()
    local key = {}
    local seen = table.pack(crun.spawn(function(...) return ... end, nil, 1, nil, key, nil):get())
    assert.equal(5, seen.n)
    assert.equal(1, seen[2])
    assert.equal(key, seen[4])
    assert.equal(0, select("#", crun.spawn(function() end):get()))
  end)

  both("law 5: hundreds of arguments and results pass", function()
    local numbers = {}
    for i = 1, 240 do numbers[i] = i end
    local results = table.pack(crun.spawn(function(...)
      crun.sleep(0.01)
      return ...
    end, table.unpack(numbers)):get())
    assert.equal(240, results.n)
    assert.equal(240, results[240])
    local many = table.pack(crun.spawn(function() return table.unpack({}, 1, 5000) end):get())
    assert.equal(5000, many.n)
  end)

  it("law 6: spawning what cannot be called raises in the spawner; no task comes of it", function()
    local before = #crun.tasks()
    for _, thing in ipairs { 42, "text", true, {}, io.stdout } do
      support.refuses({ "bad argument #1 to 'spawn'" }, function() crun.spawn(thing) end)
    end
    support.refuses({ "bad argument #1 to 'spawn'" }, function() crun.spawn() end)
    support.refuses({ "bad argument #1 to 'spawn'" }, function() crun.spawn(nil, 1) end)
    assert.equal(before, #crun.tasks())
  end)

  both("law 6: callable tables and C functions can be spawned", function()
    local adder = setmetatable({ 40 }, { __call = function(self, n) return self[1] + n end })
    assert.equal(42, crun.spawn(adder, 2):get())
    assert.equal(3, crun.spawn(math.max, 1, 3, 2):get())
    assert.equal(0, select("#", crun.spawn(crun.sleep, 0.01):get()))
    assert.equal(7, crun.spawn(coroutine.wrap(function(n) crun.yield() return n end), 7):get())
  end)

  both("law 7: state before, during and after", function()
    local task = crun.spawn(function()
      crun.sleep(1)
      return "value"
    end)
    assert.same({ "new", false }, { task:status(), task:done() })
    crun.yield()
    assert.same({ "waiting", false }, { task:status(), task:done() })
    assert.equal(nil, (task:result()))
    assert.equal(nil, task:exception())
    task:join()
    assert.same({ "returned", true, false }, { task:status(), task:done(), task:cancelled() })
    assert.equal("value", task:result())
    assert.equal(nil, task:exception())
  end)

  both("law 7: a failed task has an exception and no result", function()
    local reason = {}
    local task = crun.spawn(function() error(reason) end)
    assert.is_true(task:join())
    assert.same({ "failed", true, false }, { task:status(), task:done(), task:cancelled() })
    assert.equal(reason, task:exception())
    assert.equal(nil, (task:result()))
  end)

  both("law 8: a running task is alive in its own eyes and in those of who runs next", function()
    local first, second
    local log = support.log()
    first = crun.spawn(function()
      log(first:status())
      log(first:done())
      crun.yield()
    end)
    second = crun.spawn(function()
      log(first:status())
      log(first:done())
      log(second:status())
    end)
    first:join()
    second:join()
    assert.equal("running false ready false running", log:text())
  end)

  both("law 9: a task runs once, whatever is asked of it while it runs and afterwards", function()
    local runs = 0
    local task = crun.spawn(function()
      runs = runs + 1
      crun.sleep(1)
      return runs
    end)
    assert.is_nil(task.start)
    for _ = 1, 3 do
      crun.yield()
      task:join(0)
    end
    assert.equal(1, task:get())
    task:cancel()
    task:throw("late")
    assert.equal(1, task:get())
    crun.sleep(2)
    assert.equal(1, runs)
    assert.equal("returned", task:status())
  end)

  both("law 9: a Timer can be started only once, also when it is over", function()
    local calls = 0
    local timer = crun.Timer(1, function() calls = calls + 1 end)
    timer:start()
    support.refuses({ "only once" }, function() timer:start() end)
    timer:join()
    support.refuses({ "only once" }, function() timer:start() end)
    crun.sleep(5)
    assert.equal(1, calls)
  end)

  both("law 10: the current task is the running one, also after it waited", function()
    local function body(n)
      local self = crun.current()
      for _ = 1, n do
        crun.yield()
        assert.equal(self, crun.current())
      end
      crun.sleep(n / 100)
      assert.equal(self, crun.current())
      return self
    end
    local tasks = {}
    for i = 1, 4 do tasks[i] = crun.spawn(body, i) end
    for i = 1, 4 do assert.equal(tasks[i], tasks[i]:get()) end
  end)

  it("law 10: the main chunk has a task of its own", function()
    local main = crun.current()
    assert.equal(1, main.id)
    assert.equal("main", main.name)
    assert.equal("running", main:status())
    assert.equal(main, crun.spawn(function() return crun.tasks()[1] end):get())
    assert.equal("waiting", crun.spawn(function() return main:status() end):get())
  end)

  both("law 11: sleepers wake by due time, equal times in the order of the calls", function()
    local log = support.log()
    local tasks = {}
    for i, seconds in ipairs { 0.3, 0.1, 0.2, 0.1, 0.3, 0.2, 0.1 } do
      tasks[i] = crun.spawn(function()
        crun.sleep(seconds)
        log(i)
      end)
    end
    crun.joinall(tasks)
    assert.equal("2 4 7 3 6 1 5", log:text())
  end)

  it("law 12: a sleep never ends early on the real clock", function()
    for _, seconds in ipairs { 0.001, 0.0035, 0.01 } do
      local start = crun.now()
      crun.sleep(seconds)
      support.took(start, seconds, false)
    end
  end)

  both("law 12: on the virtual clock a sleep takes exactly its time", function()
    local start = crun.now()
    crun.sleep(3600)
    support.took(start, 3600)
  end)

  it("law 12: a non-number or NaN raises; a negative time is 0", function()
    support.refuses({ "bad argument #1 to 'sleep'" }, function() crun.sleep(0 / 0) end)
    support.refuses({ "bad argument #1 to 'sleep'" }, function() crun.sleep("soon") end)
    support.refuses({ "bad argument #1 to 'sleep'" }, function() crun.sleep({}) end)
    local start = crun.now()
    assert.equal(0, select("#", crun.sleep(-5)))
    crun.sleep(-math.huge)
    assert.is_true(crun.now() - start < 1)
  end)

  both("law 13: each task sees its own values of a Local", function()
    local loc = crun.Local()
    loc.x = "mine"
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = crun.spawn(function()
        local before = loc.x
        loc.x = i
        crun.sleep(1)
        return before == nil and loc.x
      end)
    end
    assert.same({ 1, 2, 3, 4, 5 }, crun.gather(tasks))
    assert.equal("mine", loc.x)
  end)

  both("law 13: a task's values go with it, even where the Task is kept", function()
    local loc, weak = crun.Local(), setmetatable({}, { __mode = "k" })
    local function body(how)
      local value = {}
      weak[value] = true
      loc.x = value
      if how == "fail" then error("failed", 0) end
      if how == "sleep" then crun.sleep(100) end
      return how
    end
    local kept = {}
    for i, how in ipairs { "return", "fail", "sleep" } do
      kept[i] = crun.spawn(body, how)
      kept[i]:on_done(function() end)
    end
    crun.sleep(1)
    kept[3]:cancel()
    crun.joinall(kept)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal("return", kept[1]:get())
    assert.equal("failed", kept[2]:exception())
  end)

  both("law 14: a stack overflow is that task's error; the others go on", function()
    local function endless() return 1 + endless() end
    local other = crun.spawn(function() crun.sleep(1) return "fine" end)
    local task = crun.spawn(endless)
    task:join()
    assert.equal("failed", task:status())
    assert.matches("stack overflow", task:exception())
    assert.equal("fine", other:get())
  end)

  it("law 14: an unobserved stack overflow is reported once", function()
    local failures = support.collect_failures()
    local function endless() return 1 + endless() end
    crun.spawn(endless)
    support.settle()
    assert.equal(1, #failures)
    assert.matches("stack overflow", failures[1].err)
  end)

  both("law 15: an error never unwinds into another task or the hub; timers go on", function()
    local failures = support.collect_failures()
    local sleeper = crun.spawn(function() crun.sleep(2) return "woke" end)
    for i = 1, 3 do
      crun.spawn(function()
        crun.sleep(i / 10)
        error("no " .. i, 0)
      end)
    end
    assert.equal("woke", sleeper:get())
    assert.equal(3, #failures)
    assert.equal("no 3", failures[3].err)
  end)
end)
