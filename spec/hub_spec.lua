-- SPDX-License-Identifier: MIT

local crun = require "crun"
local core = require "crun.core"
local process = require "spec.support.process"
local support = require "spec.support"
local testing = require "crun.testing"

describe("the module:", function()
  it("has a name and a version, sets no globals, and is one table", function()
    assert.equal("crun", crun._NAME)
    assert.matches("^crun %d+%.%d+", crun._VERSION)
    assert.equal(crun, require "crun")
    local result = process.run [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      local crun = require "crun"
      for name in pairs(_G) do
        if not before[name] then print("global", name) end
      end
      print(type(crun.spawn))
    ]]
    assert.equal("function\n", result.out)
  end)

  it("can be loaded again after package.loaded was emptied", function()
    local result = process.run [[
      local first = require "crun"
      for name in pairs(package.loaded) do
        if name:find("^crun") then package.loaded[name] = nil end
      end
      local second = require "crun"
      local queue = first.Queue()
      local task = second.spawn(function() return queue:get() end)
      second.sleep(0)
      queue:put("one hub")
      print(task:get(), first.current() == second.current())
    ]]
    assert.equal("", result.err)
    assert.equal("one hub\ttrue\n", result.out)
  end)

  it("can be required first inside a coroutine", function()
    local result = process.run [[
      coroutine.wrap(function()
        local crun = require "crun"
        crun.spawn(print, "task")
        crun.sleep(0.001)
        print("generator")
      end)()
      local crun = require "crun"
      print(crun.spawn(function() crun.yield() return "main" end):get())
    ]]
    assert.equal("", result.err)
    assert.equal("task\ngenerator\nmain\n", result.out)
  end)
end)

describe("now:", function()
  it("is a float of seconds that never goes back", function()
    local last = crun.now()
    assert.equal("float", math.type(last))
    for _ = 1, 100 do
      local now = crun.now()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("does not stand still in a task that never waits", function()
    local start = crun.now()
    local deadline = os.clock() + 0.02
    while os.clock() < deadline do end
    assert.is_true(crun.now() - start >= 0.01)
  end)
end)

describe("the virtual clock:", function()
  it("jumps when every task waits, so hours take no time", function()
    local real = os.time()
    testing.virtual_clock()
    local start = crun.now()
    local tasks = {}
    for i = 1, 24 do
      tasks[i] = crun.spawn(function() crun.sleep(i * 3600) end)
    end
    crun.joinall(tasks)
    support.took(start, 24 * 3600)
    assert.is_true(os.time() - real < 10)
  end)

  it("stands still while tasks run", function()
    testing.virtual_clock()
    local start = crun.now()
    for _ = 1, 10 do crun.yield() end
    assert.equal(start, crun.now())
  end)

  it("advance makes timers due at the next wait", function()
    testing.virtual_clock()
    local woke = false
    local task = crun.spawn(function()
      crun.sleep(10)
      woke = true
    end)
    crun.yield()
    testing.advance(9)
    support.settle()
    assert.is_false(woke)
    testing.advance(1)
    support.settle()
    assert.is_true(woke)
    task:join()
  end)

  it("real time comes back with the real clock", function()
    testing.virtual_clock()
    crun.sleep(1000)
    testing.real_clock()
    local start = crun.now()
    crun.sleep(0.005)
    support.took(start, 0.005, false)
    assert.is_true(crun.now() - start < 5)
  end)

  it("refuses an unknown clock and wrong times", function()
    assert.is_false(pcall(core.clock, "sundial"))
    testing.virtual_clock()
    for _, value in ipairs { "x", 0 / 0, -1 } do
      assert.is_false((pcall(core.advance, value)))
    end
  end)
end)

describe("a seeded schedule:", function()
  local function order(seed)
    testing.seed(seed)
    local log, tasks = support.log(), {}
    for i = 1, 8 do
      tasks[i] = crun.spawn(function()
        for _ = 1, 3 do
          log(i)
          crun.yield()
        end
      end)
    end
    crun.joinall(tasks)
    testing.seed(nil)
    return log:text()
  end

  it("is the same for the same seed", function()
    assert.equal(order(7), order(7))
    assert.equal(order(123456789), order(123456789))
  end)

  it("differs between seeds and from first in, first out", function()
    local fifo = order(nil)
    assert.matches("^1 2 3 4 5 6 7 8 1 2 3", fifo)
    local different = {}
    for seed = 1, 10 do different[order(seed)] = true end
    local count = 0
    for _ in pairs(different) do count = count + 1 end
    assert.is_true(count >= 8)
    assert.is_nil(different[fifo])
  end)
end)

describe("testing.leaks:", function()
  it("names tasks that are still alive", function()
    local before = testing.snapshot()
    assert.same({}, testing.leaks(before))
    local task = crun.spawn(function() crun.Queue():get() end)
    task.name = "forgotten"
    crun.yield()
    local list = testing.leaks(before)
    assert.is_true(#list >= 1)
    assert.matches("'forgotten' %(waiting%) at .+", list[1])
    crun.killall { task }
    assert.same({}, testing.leaks(before))
  end)

  it("counts timers", function()
    local before = testing.snapshot()
    local task = crun.spawn(crun.sleep, 10)
    crun.yield()
    assert.matches("1 timers more", table.concat(testing.leaks(before), ";"))
    crun.killall { task }
    assert.same({}, testing.leaks(before))
  end)
end)

describe("on_error:", function()
  it("gets task, error and traceback instead of the report", function()
    local failures = support.collect_failures()
    local reason = {}
    local task = crun.spawn(error, reason)
    support.settle()
    assert.equal(1, #failures)
    assert.equal(task, failures[1].task)
    assert.equal(reason, failures[1].err)
    assert.equal("string", type(failures[1].traceback))
  end)
end)
