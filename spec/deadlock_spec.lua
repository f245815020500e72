-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"

local DEADLOCK_STATUS = process.under_crun and 2 or 1

describe("law 99, deadlock:", function()
  it("law 99: a wait that nothing can end raises in the main task", function()
    local ok, err = pcall(function() crun.Queue():get() end)
    assert.is_false(ok)
    assert.matches("deadlock: ", tostring(err))
  end)

  it("law 99: the hub goes on after a deadlock that was caught", function()
    pcall(function() crun.Queue():get() end)
    pcall(function() crun.Queue():get() end)
    crun.sleep(0.001)
    assert.equal(7, crun.spawn(function() crun.yield() return 7 end):get())
  end)

  it("law 99: each waiting task is listed: name, what it waits on, where spawned", function()
    local queue = crun.Queue()
    local task = crun.spawn(function() queue:get() end)
    local line = debug.getinfo(1, "l").currentline - 1
    task.name = "stuck one"
    local err = tostring(support.raised(task.join, task))
    assert.matches("deadlock: ", err)
    assert.matches("stuck one", err)
    assert.matches("Queue", err)
    assert.is_truthy(err:find("deadlock_spec.lua:" .. line, 1, true))
    crun.killall { task }
  end)

  it("law 99: what the main task waited for is told", function()
    for what, wait in pairs {
      ["Queue:get %(0 items%)"] = function() crun.Queue():get() end,
      ["Event:wait"] = function() crun.Event():wait() end,
      ["Semaphore:acquire"] = function() crun.Semaphore(0):acquire() end,
    } do
      local err = tostring(support.raised(wait))
      assert.matches("\n\tmain waits: " .. what, err)
    end
  end)

  it("law 99: two tasks that join each other are reported as a circle", function()
    local one, two
    one = crun.spawn(function() two:join() end)
    two = crun.spawn(function() one:join() end)
    local err = tostring(support.raised(one.join, one))
    assert.matches("deadlock: ", err)
    local a, b = "task#" .. one.id, "task#" .. two.id
    assert.truthy(err:find(("\n\tmain waits: join of %s\n"):format(a), 1, true), err)
    assert.truthy(err:find(("\n\tcircle: %s -> join of %s: %s -> join of %s: %s\n"):format(
      a, b, b, a, a), 1, true), err)
    assert.truthy(err:find(("\n\tchain: main -> join of %s: %s (see above)"):format(a, a), 1, true),
      err)
    local _, circles = err:gsub("circle: ", "")
    assert.equal(1, circles)
    crun.killall { one, two }
  end)

  it("law 99: who waits for what held by whom is told along the chain", function()
    local lock, queue = crun.Lock(), crun.Queue()
    local holder = crun.spawn(function()
      local _ <close> = lock:hold()
      queue:get()
    end)
    holder.name = "holder"
    local waiter = crun.spawn(lock.with, lock, function() end)
    local err = tostring(support.raised(waiter.join, waiter))
    assert.truthy(err:find(("\n\tchain: main -> join of task#%d: task#%d -> Lock held by "
      .. "task#%d 'holder' (taken at "):format(waiter.id, waiter.id, holder.id), 1, true), err)
    assert.matches("deadlock_spec%.lua:%d+%) %-> Queue:get %(0 items%)$", err)
    assert.is_nil(err:find("circle", 1, true))
    crun.killall { holder, waiter }
  end)

  it("law 99: a chain that leads to what has been told ends there", function()
    local stop = crun.Event()
    local root = crun.spawn(stop.wait, stop)
    local tasks = { root }
    for i = 1, 3 do tasks[i + 1] = crun.spawn(root.join, root) end
    local err = tostring(support.raised(root.join, root))
    local _, ends = err:gsub("%-> Event:wait", "")
    assert.equal(1, ends)
    local _, references = err:gsub("%(see above%)", "")
    assert.equal(3, references)
    crun.killall(tasks)
  end)

  it("law 99: a wait with a timeout is no deadlock", function()
    assert.equal("ETIMEDOUT", select(3, crun.Queue():get(0.001)))
  end)

  it("law 99: a sleeping task is no deadlock", function()
    local queue = crun.Queue()
    local task = crun.spawn(function()
      crun.sleep(0.002)
      queue:put("late")
    end)
    assert.equal("late", queue:get())
    task:join()
  end)

  it("law 99: the program ends with a report and its own status", function()
    local result = process.run [[
      local crun = require "crun"
      local queue = crun.Queue()
      local guard <close> = setmetatable({}, { __close = function() print("closed") end })
      local task = crun.spawn(function()
        local inner <close> = setmetatable({}, { __close = function() print("closed inside") end })
        queue:get()
      end)
      task.name = "consumer"
      queue:join()
      task:join()
    ]]
    assert.equal(DEADLOCK_STATUS, result.status)
    assert.matches("deadlock: ", result.err)
    assert.matches("consumer", result.err)
    assert.matches("Queue", result.err)
    assert.matches("script.lua:4", result.err)
    assert.matches("closed\n", result.out)
    assert.matches("closed inside\n", result.out)
  end)

  it("law 99: tasks left waiting when the main chunk has ended are reported too", function()
    local result = process.run [[
      local crun = require "crun"
      local task = crun.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print("closed") end })
        crun.Queue():get()
      end)
      task.name = "left over"
      crun.yield()
      print("main ends")
    ]]
    if process.under_crun then
      assert.equal(2, result.status)
    end
    assert.matches("deadlock: ", result.err)
    assert.matches("left over", result.err)
    assert.equal("main ends\nclosed\n", result.out)
  end)

  it("law 99: daemons that wait are no deadlock once the main chunk has ended", function()
    local result = process.run [[
      local crun = require "crun"
      crun.spawn(function() crun.Queue():get() end).daemon = true
      crun.yield()
      print("main ends")
    ]]
    assert.equal("main ends\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)
end)
