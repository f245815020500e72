-- SPDX-License-Identifier: MIT

-- What LifoQueue has in common with Queue is in laws_queue_spec.lua and queue_kinds_spec.lua.
local crun = require "crun"
local support = require "spec.support"
local both = support.both

describe("LifoQueue:", function()
  both("the newest item comes out first", function()
    local queue = crun.LifoQueue()
    for i = 1, 3 do queue:put(i) end
    assert.same({ 3, 2 }, { queue:get(), queue:get() })
    queue:put(4)
    assert.same({ 4, 1 }, { queue:get(), queue:get() })
    assert.is_true(queue:empty())
  end)

  both("over many more items than its first storage", function()
    local queue, model = crun.LifoQueue(), {}
    for round = 1, support.scaled(50, 10) do
      for i = 1, round * 3 do
        local item = i % 2 == 0 and { i } or i
        model[#model + 1] = item
        queue:put(item)
      end
      for _ = 1, round * 2 do
        assert.equal(table.remove(model), queue:get())
      end
    end
    assert.equal(#model, #queue)
  end)

  both("who waits to put enters in the order they came, each into the place freed", function()
    local queue = crun.LifoQueue(2)
    queue:put(1)
    queue:put(2)
    local tasks = {}
    for i = 3, 5 do
      tasks[#tasks + 1] = crun.spawn(queue.put, queue, i)
    end
    crun.yield()
    assert.same({ 2, 3, 4, 5, 1 },
      { queue:get(), queue:get(), queue:get(), queue:get(), queue:get() })
    crun.joinall(tasks)
  end)

  both("who waits to get is handed what comes, the oldest getter first", function()
    local queue, log = crun.LifoQueue(), support.log()
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = crun.spawn(function() log(i .. "=" .. queue:get()) end)
    end
    crun.yield()
    for item = 1, 4 do queue:put(item) end
    crun.joinall(tasks)
    assert.equal("1=1 2=2", log:text())
    assert.same({ 4, 3 }, { queue:get(), queue:get() })
  end)

  both("iteration takes the newest each time", function()
    local queue, log = crun.LifoQueue(), support.log()
    for i = 1, 3 do queue:put(i) end
    for item in queue:iter() do
      log(item)
      if item == 3 then queue:put(9) end
      if #queue == 0 then queue:close() end
    end
    assert.equal("3 9 2 1", log:text())
  end)

  both("a nil at which iteration stopped is the next to come out", function()
    local queue = crun.LifoQueue()
    queue:put(1)
    queue:put(nil)
    assert.matches("nil item", support.raised(function()
      for _ in queue:iter() do error("no turn of the loop") end
    end))
    assert.same({ n = 1 }, table.pack(queue:get()))
    assert.equal(1, queue:get())
  end)
end)
