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

  it("law 99: two tasks that join each other are reported", function()
    local one, two
    one = crun.spawn(function() two:join() end)
    two = crun.spawn(function() one:join() end)
    local err = tostring(support.raised(one.join, one))
    assert.matches("deadlock: ", err)
    crun.killall { one, two }
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
