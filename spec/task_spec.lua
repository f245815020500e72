-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function sleeper(seconds)
  return crun.spawn(function() crun.sleep(seconds or 10) end)
end

describe("Task:", function()
  it("ids grow, names default to task#<id> and can be set", function()
    local one, two = sleeper(0), sleeper(0)
    assert.is_true(math.type(one.id) == "integer" and two.id > one.id)
    assert.equal("task#" .. one.id, one.name)
    one.name = "worker"
    assert.equal("worker", one.name)
    crun.joinall { one, two }
    assert.equal("worker", one.name)
  end)

  it("tostring shows id and state", function()
    local task = sleeper(0.001)
    assert.equal(("crun.Task: task#%d (new)"):format(task.id), tostring(task))
    crun.yield()
    assert.matches("%(waiting%)$", tostring(task))
    task:join()
    assert.equal(("crun.Task: task#%d (returned)"):format(task.id), tostring(task))
    assert.equal("crun.Task: main (running)", tostring(crun.current()))
  end)

  it("daemon is a boolean that may be set until the end", function()
    local task = sleeper(0)
    assert.is_false(task.daemon)
    task.daemon = true
    assert.is_true(task.daemon)
    task.daemon = false
    assert.is_false(task.daemon)
    task:join()
  end)

  it("refuses unknown fields, wrong values and read-only ones, naming them", function()
    local task = sleeper(0)
    support.refuses({ "nmae" }, function() task.nmae = "x" end)
    support.refuses({ "id" }, function() task.id = 7 end)
    support.refuses({ "name" }, function() task.name = {} end)
    support.refuses({ "daemon" }, function() task.daemon = "yes" end)
    assert.equal(nil, task.nmae)
    task:join()
  end)

  it("its metatable is locked", function()
    local task = sleeper(0)
    assert.is_not.equal("table", type(getmetatable(task)))
    assert.is_false((pcall(setmetatable, task, {})))
    task:join()
  end)

  it("the same task is the same value wherever it is met", function()
    local task = sleeper(0)
    local found
    for _, other in ipairs(crun.tasks()) do
      if other.id == task.id then found = other end
    end
    assert.is_true(found == task)
    local keyed = { [task] = "key" }
    assert.equal("key", keyed[found])
    task:join()
  end)

  it("methods refuse a wrong self, naming what is wanted", function()
    local task = sleeper(0)
    for _, name in ipairs {
      "join", "get", "result", "exception", "cancel", "throw", "done", "cancelled", "status",
      "on_done", "traceback",
    } do
      local method = task[name]
      support.refuses({ "crun.Task" }, function() method({}) end)
      support.refuses({ "crun.Task" }, function() method(io.stdout) end)
      support.refuses({ "crun.Task" }, function() method() end)
    end
    task:join()
  end)

  it("join and get refuse what is no time, naming the argument", function()
    local task = sleeper(0)
    for _, value in ipairs { "soon", {}, 0 / 0, true } do
      support.refuses({ "bad argument #1 to 'join'" }, function() task:join(value) end)
      support.refuses({ "bad argument #1 to 'get'" }, function() task:get(value) end)
    end
    task:join()
  end)

  it("on_done refuses what cannot be called", function()
    local task = sleeper(0)
    support.refuses({ "bad argument #1 to 'on_done'" }, function() task:on_done(1) end)
    support.refuses({ "bad argument #1 to 'on_done'" }, function() task:on_done() end)
    task:join()
  end)

  both("result gives all results, nothing unless it returned", function()
    local task = crun.spawn(function() return 1, nil, 3, nil end)
    assert.equal(nil, (task:result()))
    task:join()
    assert.same({ 1, nil, 3, nil, n = 4 }, table.pack(task:result()))
    assert.same({ 1, nil, 3, nil, n = 4 }, table.pack(task:get()))
    local failed = crun.spawn(error, "x")
    failed:join()
    assert.equal(nil, (failed:result()))
  end)

  both("status goes new, ready, running, waiting and then how it ended", function()
    local seen = support.log()
    local task
    task = crun.spawn(function()
      seen(task:status())
      crun.yield()
      crun.sleep(1)
    end)
    local function note() seen(task:status()) end
    note()
    crun.spawn(note)
    crun.yield()
    crun.sleep(0.5)
    note()
    task:join()
    note()
    assert.equal("new running ready waiting returned", seen:text())
  end)

  both("the cancel error names reason and place, and passes pcall as it is", function()
    local task = crun.spawn(function()
      local _, err = pcall(crun.sleep, 10)
      return err
    end)
    crun.yield()
    local line = debug.getinfo(1, "l").currentline + 1
    task:cancel({ code = 7 })
    local err = task:get()
    assert.same({ code = 7 }, err.reason)
    assert.equal("spec/task_spec.lua:" .. line, err.origin:match("spec/task_spec.lua:%d+"))
  end)

  both("a cancel without a reason has none, and prints all the same", function()
    local task = sleeper()
    crun.yield()
    task:cancel()
    task:join()
    assert.equal(nil, task:exception().reason)
    assert.matches("^cancelled", tostring(task:exception()))
  end)

  both("an error after a caught cancel makes the task fail with that error", function()
    local task = crun.spawn(function()
      pcall(crun.sleep, 10)
      error("own", 0)
    end)
    crun.yield()
    task:cancel()
    assert.equal("own", support.raised(task.get, task))
    assert.same({ "failed", false }, { task:status(), task:cancelled() })
  end)

  both("rethrowing the cancel error counts as cancelled", function()
    local task = crun.spawn(function()
      local _, err = pcall(crun.sleep, 10)
      error(err)
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
  end)

  both("a cancel error fetched from another task fails the fetcher", function()
    local failures = support.collect_failures()
    local target = sleeper()
    local fetcher = crun.spawn(function() target:get() end)
    crun.yield()
    target:cancel("target only")
    fetcher:join()
    assert.is_true(target:cancelled())
    assert.equal(target:exception(), fetcher:exception())
    assert.equal(0, #failures)
  end)

  both("throw before the first turn makes the first wait raise", function()
    local log = support.log()
    local task = crun.spawn(function()
      log("started")
      crun.sleep(1)
      log("never")
    end)
    task:throw("thrown")
    assert.equal("thrown", support.raised(task.get, task))
    assert.is_nil(log:text():find("never", 1, true))
  end)

  both("throw on a finished task changes nothing", function()
    local task = crun.spawn(function() return 1 end)
    task:join()
    task:throw("late")
    assert.equal(1, task:get())
  end)

  both("traceback shows where a waiting task is", function()
    local function deep() crun.sleep(1) end
    local task = crun.spawn(function() deep() end)
    crun.yield()
    local line = debug.getinfo(deep, "S").linedefined
    assert.matches("task_spec.lua:" .. line, task:traceback(), 1, true)
    task:join()
    assert.equal("string", type(task:traceback()))
    assert.matches("task_spec.lua", crun.current():traceback())
  end)

  both("traceback of a failed task reaches the line at fault", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local task = crun.spawn(function() crun.sleep(1) error("x") end)
    task:join()
    assert.is_truthy(task:traceback():find("task_spec.lua:" .. line, 1, true))
  end)
end)
