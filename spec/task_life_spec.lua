-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

describe("Task callbacks and life time:", function()
  both("on_done callbacks may wait and spawn", function()
    local log = support.log()
    local task = crun.spawn(function() end)
    task:on_done(function()
      crun.sleep(1)
      crun.spawn(log, "spawned"):join()
      log("waited")
    end)
    task:join()
    crun.sleep(2)
    assert.equal("spawned waited", log:text())
  end)

  both("on_done is called for failed and cancelled tasks too", function()
    local failures = support.collect_failures()
    local log = support.log()
    local failing, cancelled = crun.spawn(error, "x"), crun.spawn(crun.sleep, 10)
    for _, task in ipairs { failing, cancelled } do
      task:on_done(function(ended) log(ended:status()) end)
    end
    crun.yield()
    cancelled:cancel()
    support.settle(5)
    assert.equal("failed cancelled", log:text())
    return failures
  end)

  both("on_done takes charge of a failure: it is not reported", function()
    local failures = support.collect_failures()
    local task = crun.spawn(error, "seen to", 0)
    task:on_done(function(ended) assert.equal("seen to", ended:exception()) end)
    support.settle()
    assert.equal("failed", task:status())
    assert.same({}, failures)
  end)

  both("on_done callbacks start before those who wait for the end go on", function()
    local log = support.log()
    local task = crun.spawn(crun.sleep, 1)
    local joiner = crun.spawn(function()
      task:join()
      log("joined")
    end)
    support.settle()
    task:on_done(function() log("called") end)
    joiner:join()
    assert.equal("called joined", log:text())
  end)

  both("remove on a handle works before, and is harmless after", function()
    local log = support.log()
    local task = crun.spawn(crun.sleep, 1)
    local handle = task:on_done(function() log("removed") end)
    local kept = task:on_done(function() log("kept") end)
    handle:remove()
    task:join()
    support.settle()
    kept:remove()
    handle:remove()
    assert.equal("kept", log:text())
  end)

  both("tasks lists the living by id, main first", function()
    local one, two = crun.spawn(crun.sleep, 1), crun.spawn(crun.sleep, 1)
    local list, ids = crun.tasks(), {}
    assert.equal(1, list[1].id)
    for i, task in ipairs(list) do ids[i] = task.id end
    local sorted = table.move(ids, 1, #ids, 1, {})
    table.sort(sorted)
    assert.same(sorted, ids)
    assert.equal(two, list[#list])
    crun.joinall { one, two }
    for _, task in ipairs(crun.tasks()) do
      assert.is_true(task ~= one and task ~= two)
    end
  end)

  both("a task is kept by the hub even if the script keeps nothing", function()
    local done = false
    crun.spawn(function()
      crun.sleep(1)
      collectgarbage()
      crun.sleep(1)
      done = true
    end)
    for _ = 1, 5 do
      collectgarbage()
      crun.sleep(0.5)
    end
    assert.is_true(done)
  end)

  both("the values of a finished task live as long as the task object only", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function run()
      local task = crun.spawn(function(argument)
        weak.argument = argument
        crun.sleep(1)
        weak.result = {}
        return weak.result
      end, {})
      task:join()
      collectgarbage()
      assert.equal("table", type(weak.result))
      assert.equal(nil, weak.argument)
    end
    crun.spawn(run):get()
    collectgarbage()
    collectgarbage()
    assert.equal(nil, weak.result)
  end)
end)
