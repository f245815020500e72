-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

describe("laws of killing many, joiners and waiters:", function()
  both("law 39: killall waits until all are over, also one whose clean-up waits", function()
    local log = support.log()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          crun.shield(crun.sleep, i)
          log(i)
        end })
        crun.sleep(100)
      end)
    end
    crun.yield()
    local start = crun.now()
    crun.killall(tasks, "all")
    assert.equal("1 2 3", log:text())
    support.took(start, 3)
    assert.equal("all", tasks[2]:exception().reason)
  end)

  both("law 40: cancelling a joiner does not cancel what it joins", function()
    local target = crun.spawn(function() crun.sleep(5) return "lives" end)
    local joiner = crun.spawn(function() target:get() end)
    crun.yield()
    joiner:cancel()
    joiner:join()
    assert.is_true(joiner:cancelled())
    assert.equal("lives", target:get())
  end)

  both("law 40: cancelling a gatherer cancels what it gathers", function()
    local given = crun.spawn(function() crun.sleep(5) end)
    local cancelled = false
    local gatherer = crun.spawn(function()
      crun.gather(given, function()
        local _ <close> = setmetatable({}, { __close = function() cancelled = true end })
        crun.sleep(5)
      end)
    end)
    support.settle()
    gatherer:cancel()
    gatherer:join()
    assert.is_true(gatherer:cancelled())
    assert.is_true(cancelled)
    assert.is_true(given:cancelled())
  end)

  both("law 41: a killed waiter leaves no trace in what it waited on", function()
    local queue = crun.Queue()
    local waiters = {}
    for i = 1, 20 do
      waiters[i] = crun.spawn(function() queue:get() end)
    end
    crun.yield()
    crun.killall(waiters)
    queue:put("kept")
    assert.equal(1, queue:qsize())
    assert.equal("kept", queue:get(0))
    local weak = setmetatable({ waiters[1] }, { __mode = "v" })
    waiters = nil
    collectgarbage()
    collectgarbage()
    assert.equal(nil, weak[1])
    return waiters
  end)

  both("law 42: a task that cancels itself ends at its next wait", function()
    local log = support.log()
    local task
    task = crun.spawn(function()
      task:cancel("self")
      log("after")
      crun.yield()
      log("never")
    end)
    task:join()
    assert.equal("after", log:text())
    assert.equal("self", task:exception().reason)
  end)

  both("a result that arrived wins over a cancel that came later in the turn", function()
    local queue = crun.Queue()
    local task = crun.spawn(function() return queue:get() end)
    crun.yield()
    queue:put("item")
    task:cancel()
    assert.equal("item", task:get())
  end)

  both("an operation that need not wait does not raise in a cancelled task", function()
    local queue = crun.Queue()
    queue:put(1)
    local ended = crun.spawn(function() return "r" end)
    ended:join()
    local task = crun.spawn(function()
      pcall(crun.sleep, 1)
      queue:put(2)
      return queue:get(), ended:get()
    end)
    crun.yield()
    task:cancel()
    assert.same({ 1, "r" }, { task:get() })
  end)
end)
