-- SPDX-License-Identifier: MIT

-- What all kinds of queues do alike. Orders of their own are in lifo_queue_spec.lua and
-- priority_queue_spec.lua.
local crun = require "crun"
local support = require "spec.support"
local both = support.both

local KINDS = {
  { "Queue", crun.Queue },
  { "LifoQueue", crun.LifoQueue },
  {
    "PriorityQueue",
    function(maxsize) return crun.PriorityQueue(function() return false end, maxsize) end,
  },
}

describe("Queue, its order:", function()
  both("keeps first in, first out over many more items than its first storage", function()
    local queue = crun.Queue()
    local put, got = 0, 0
    for round = 1, support.scaled(50, 10) do
      for _ = 1, round * 3 do
        put = put + 1
        queue:put(put)
      end
      for _ = 1, round * 2 do
        got = got + 1
        assert.equal(got, queue:get())
      end
    end
    assert.equal(put - got, #queue)
  end)

  both("iter raises at a nil item, which would look like the end, and leaves it inside", function()
    local queue, count = crun.Queue(), 0
    queue:put(1)
    queue:put(nil)
    queue:put(2)
    local err = support.raised(function()
      for _ in queue:iter() do count = count + 1 end
    end)
    assert.matches("nil item", err)
    assert.same({ 1, 2 }, { count, #queue })
    assert.same({ n = 1 }, table.pack(queue:get()))
    assert.equal(2, queue:get())
  end)

  both("a loop may be left by break, the rest stays inside", function()
    local queue = crun.Queue()
    for i = 1, 5 do queue:put(i) end
    for item in queue:iter() do
      if item == 2 then break end
    end
    assert.equal(3, queue:get())
    assert.equal(2, #queue)
  end)
end)

for _, kind in ipairs(KINDS) do
  local name, new = kind[1], kind[2]

  describe(name .. ":", function()
    it("tostring shows how full it is", function()
      local queue = new(10)
      for i = 1, 3 do queue:put(i) end
      assert.equal("crun." .. name .. ": 3/10 items", tostring(queue))
      assert.matches("^crun." .. name .. ": 0", tostring(new()))
    end)

    it("maxsize is the size given, 0 when unbounded", function()
      assert.equal(3, new(3):maxsize())
      assert.equal(0, new():maxsize())
      assert.equal(0, new(0):maxsize())
      assert.equal(0, new(nil):maxsize())
    end)

    it("closed tells whether it was closed, tostring too", function()
      local queue = new()
      assert.is_false(queue:closed())
      queue:close()
      assert.is_true(queue:closed())
      assert.matches("closed", tostring(queue))
    end)

    it("refuses what is no size", function()
      for _, size in ipairs { -1, 1.5, "x", {}, 0 / 0 } do
        support.refuses({ "bad argument #1" }, function() crun[name](size) end)
      end
    end)

    it("methods refuse a wrong self", function()
      local queue = new()
      for _, method_name in ipairs {
        "put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full", "task_done", "join",
        "close", "iter", "maxsize", "closed",
      } do
        local method = queue[method_name]
        support.refuses({ "crun." .. name }, function() method({}) end)
        support.refuses({ "crun." .. name }, function() method() end)
      end
    end)

    it("refuses timeouts that are none, naming the argument", function()
      local queue = new()
      for _, value in ipairs { "x", {}, 0 / 0, false } do
        support.refuses({ "bad argument #1 to 'get'" }, function() queue:get(value) end)
        support.refuses({ "bad argument #2 to 'put'" }, function() queue:put(1, value) end)
        support.refuses({ "bad argument #1 to 'join'" }, function() queue:join(value) end)
      end
      assert.equal(0, #queue)
    end)

    it("has no other fields, and cannot be given any", function()
      local queue = new()
      assert.equal(nil, queue.size)
      support.refuses({ "crun." .. name }, function() queue.size = 1 end)
      assert.is_not.equal("table", type(getmetatable(queue)))
    end)

    it("put gives true, and one-value success is told from failure by the count", function()
      local queue = new(1)
      assert.same({ true, n = 1 }, table.pack(queue:put(1)))
      assert.equal(3, select("#", queue:put(2, 0)))
      assert.same({ 1, n = 1 }, table.pack(queue:get()))
      assert.equal(3, select("#", queue:get(0)))
      assert.same({ true, n = 1 }, table.pack(queue:put_nowait(1)))
      assert.equal(3, select("#", queue:put_nowait(2)))
      local _, message, code = queue:put_nowait(2)
      assert.equal("EAGAIN", code)
      assert.matches("^EAGAIN: ", message)
    end)

    both("a producer and consumers over a bounded queue lose nothing and finish", function()
      local queue, seen = new(3), {}
      local consumers = {}
      for i = 1, 3 do
        consumers[i] = crun.spawn(function()
          for item in queue:iter() do
            if item % 5 == 0 then crun.yield() end
            if item % 7 == 0 then crun.sleep(0.1) end
            seen[#seen + 1] = item
            queue:task_done()
          end
        end)
      end
      local count = support.scaled(300, 30)
      for item = 1, count do queue:put(item) end
      assert.is_true(queue:join())
      queue:close()
      crun.joinall(consumers)
      table.sort(seen)
      assert.equal(count, #seen)
      for i = 1, count do assert.equal(i, seen[i]) end
    end)

    both("two tasks play ping-pong over two queues of one place", function()
      local ping, pong = new(1), new(1)
      local echo = crun.spawn(function()
        for n in ping:iter() do pong:put(n + 1) end
      end)
      local n = 0
      for _ = 1, 100 do
        ping:put(n)
        n = pong:get()
      end
      assert.equal(100, n)
      ping:close()
      echo:join()
    end)

    both("iter raises at a nil item that it waited for, and leaves it inside", function()
      local queue = new()
      local reader = crun.spawn(function()
        for _ in queue:iter() do error("no turn of the loop") end
      end)
      crun.yield()
      queue:put(nil)
      assert.matches("nil item", support.raised(reader.get, reader))
      assert.same({ n = 1 }, table.pack(queue:get(0)))
    end)

    it("items are kept from the collector, and let go when they were taken", function()
      local weak = setmetatable({}, { __mode = "v" })
      local queue = new()
      for i = 1, 100 do
        local item = { i }
        weak[i] = item
        queue:put(item)
      end
      collectgarbage()
      local sum = 0
      for _ = 1, 100 do sum = sum + queue:get()[1] end
      assert.equal(5050, sum)
      collectgarbage()
      collectgarbage()
      local left = 0
      for _ in pairs(weak) do left = left + 1 end
      assert.is_true(left <= 1)
    end)

    both("an item whose put was cancelled or timed out is let go", function()
      local weak = setmetatable({}, { __mode = "v" })
      local queue = new(1)
      queue:put(0)
      local function try(timeout)
        local item = {}
        weak[#weak + 1] = item
        queue:put(item, timeout)
      end
      local waiting = crun.spawn(try)
      crun.yield()
      crun.killall { waiting }
      crun.spawn(try, 1):join()
      crun.spawn(pcall, queue.put, queue, {}, 0):join()
      waiting = nil
      collectgarbage()
      collectgarbage()
      assert.same({}, weak)
      assert.equal(1, #queue)
      return waiting
    end)

    it("a queue nobody keeps is collected with what is inside", function()
      local weak = setmetatable({}, { __mode = "k" })
      for _ = 1, 10 do
        local queue = new()
        queue:put({ queue })
        weak[queue] = true
      end
      collectgarbage()
      collectgarbage()
      local left = 0
      for _ in pairs(weak) do left = left + 1 end
      assert.is_true(left <= 1)
    end)
  end)
end
