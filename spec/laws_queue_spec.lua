-- SPDX-License-Identifier: MIT

-- The laws of queues, of each kind. In the PriorityQueue all items are equal, so that they come out
-- as they went in; its order is in priority_queue_spec.lua.
local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function equal() return false end

local KINDS = {
  { "Queue", crun.Queue },
  { "LifoQueue", crun.LifoQueue },
  { "PriorityQueue", function(maxsize) return crun.PriorityQueue(equal, maxsize) end },
}

local function getter(queue, log)
  return crun.spawn(function() log(queue:get()) end)
end

local function putter(queue, item, log)
  return crun.spawn(function()
    queue:put(item)
    if log then log("put" .. tostring(item)) end
  end)
end

for _, kind in ipairs(KINDS) do
  local name, new = kind[1], kind[2]

  --- Items in the order in which they come out if they are all inside.
  local function inside(...)
    if name ~= "LifoQueue" then return { ... } end
    local list, n = {}, select("#", ...)
    for i = 1, n do list[n + 1 - i] = (select(i, ...)) end
    return list
  end

  describe("laws of " .. name .. ":", function()
    it("law 81: a try on an empty or full queue answers at once, without a switch", function()
      local ran = false
      local other = crun.spawn(function() ran = true end)
      local queue = new(1)
      assert.equal("ETIMEDOUT", select(3, queue:get(0)))
      assert.equal("EAGAIN", select(3, queue:get_nowait()))
      queue:put("only")
      assert.equal("ETIMEDOUT", select(3, queue:put("more", 0)))
      assert.equal("EAGAIN", select(3, queue:put_nowait("more")))
      assert.equal("ETIMEDOUT", select(3, queue:put("more", -1)))
      assert.is_false(ran)
      assert.equal(1, #queue)
      other:join()
    end)

    both("law 82: a queue of 2 takes two puts at once and holds the third until a get", function()
      local queue, log = new(2), support.log()
      local putters = {}
      for i = 1, 4 do putters[i] = putter(queue, i, log) end
      support.settle()
      assert.equal("put1 put2", log:text())
      local first, second = table.unpack(inside(1, 2))
      assert.equal(first, queue:get())
      support.settle()
      assert.equal("put1 put2 put3", log:text())
      local rest = name == "LifoQueue" and { 3, 4, second } or { second, 3, 4 }
      assert.same(rest, { queue:get(), queue:get(), queue:get() })
      crun.joinall(putters)
    end)

    both("law 83: waiting getters are served one item each, in the order they came", function()
      local queue, log = new(), support.log()
      local getters = {}
      for i = 1, 3 do
        getters[i] = crun.spawn(function() log(i .. "=" .. queue:get()) end)
      end
      crun.yield()
      queue:put("a")
      queue:put("b")
      queue:put("c")
      crun.joinall(getters)
      assert.equal("1=a 2=b 3=c", log:text())
    end)

    both("law 84: a getter killed in the turn before the put takes no item along", function()
      local queue, log = new(), support.log()
      local first, second = getter(queue, log), getter(queue, log)
      crun.yield()
      first:cancel()
      queue:put("item")
      crun.joinall { first, second }
      assert.equal("item", log:text())
      assert.is_true(first:cancelled())
    end)

    both("law 84: a getter that was given the item before its cancel keeps it", function()
      local queue, log = new(), support.log()
      local first, second = getter(queue, log), getter(queue, log)
      crun.yield()
      queue:put("item")
      first:cancel()
      first:join()
      assert.equal("item", log:text())
      assert.is_false(second:done())
      queue:put("next")
      second:join()
      assert.equal("item next", log:text())
    end)

    both("law 84: a getter that timed out takes no item along", function()
      local queue = new()
      local early = crun.spawn(function() return select(3, queue:get(1)) end)
      crun.sleep(2)
      queue:put("stays")
      assert.equal("ETIMEDOUT", early:get())
      assert.equal(1, queue:qsize())
      assert.equal("stays", queue:get())
    end)

    both("law 85: a killed put leaves no item and costs the next putter no turn", function()
      local queue = new(1)
      queue:put(0)
      local putters = {}
      for i = 1, 3 do putters[i] = putter(queue, i) end
      crun.yield()
      putters[1]:cancel()
      assert.equal(0, queue:get())
      assert.equal(2, queue:get())
      assert.equal(3, queue:get())
      assert.equal("ETIMEDOUT", select(3, queue:get(1)))
      crun.joinall(putters)
      assert.is_true(putters[1]:cancelled())
    end)

    both("law 86: what is put while somebody waits is theirs", function()
      local queue, log = new(), support.log()
      local waiting = getter(queue, log)
      crun.yield()
      queue:put("theirs")
      assert.equal("EAGAIN", select(3, queue:get_nowait()))
      assert.equal(0, queue:qsize())
      waiting:join()
      assert.equal("theirs", log:text())
    end)

    both("law 86: a freed place belongs to the waiting putter", function()
      local queue = new(1)
      queue:put("old")
      local waiting = putter(queue, "new")
      crun.yield()
      assert.equal("old", queue:get())
      assert.equal("EAGAIN", select(3, queue:put_nowait("thief")))
      waiting:join()
      assert.equal("new", queue:get())
    end)

    both("law 88: size 0 or nil is unbounded; sizes never count waiting putters", function()
      for _, queue in ipairs { new(), new(0) } do
        for i = 1, 1000 do queue:put(i) end
        assert.same({ 1000, false, false }, { #queue, queue:empty(), queue:full() })
      end
      local queue = new(2)
      assert.same({ 0, true, false }, { #queue, queue:empty(), queue:full() })
      local putters = {}
      for i = 1, 5 do putters[i] = putter(queue, i) end
      crun.yield()
      assert.same({ 2, 2, false, true }, { #queue, queue:qsize(), queue:empty(), queue:full() })
      crun.killall(putters)
    end)

    both("law 89: task_done once too often raises", function()
      local queue = new()
      support.refuses({ "task_done" }, function() queue:task_done() end)
      queue:put(1)
      queue:get()
      queue:task_done()
      support.refuses({ "task_done" }, function() queue:task_done() end)
    end)

    both("law 89: join waits until all puts are done, and wakes every joiner", function()
      local queue, log = new(), support.log()
      assert.is_true(queue:join())
      for i = 1, 3 do queue:put(i) end
      local joiners = {}
      for i = 1, 2 do
        joiners[i] = crun.spawn(function()
          assert.is_true(queue:join())
          log("joined")
        end)
      end
      for i = 1, 3 do
        queue:get()
        crun.yield()
        log(i)
        queue:task_done()
      end
      crun.joinall(joiners)
      assert.equal("1 2 3 joined joined", log:text())
      assert.is_true(queue:join(0))
    end)

    both("law 89: a join that times out says so", function()
      local queue = new()
      queue:put(1)
      local start = crun.now()
      assert.equal("ETIMEDOUT", select(3, queue:join(2)))
      support.took(start, 2)
      assert.equal("ETIMEDOUT", select(3, queue:join(0)))
    end)

    both("law 90: after close puts fail; what is inside can be got, then gets fail", function()
      local queue = new()
      queue:put(1)
      queue:put(2)
      queue:close()
      local value, message, code = queue:put(3)
      assert.equal(nil, value)
      assert.equal("ECLOSED", code)
      assert.matches("^ECLOSED: ", message)
      assert.equal("ECLOSED", select(3, queue:put_nowait(3)))
      assert.same(inside(1, 2), { queue:get(), queue:get_nowait() })
      assert.equal("ECLOSED", select(3, queue:get()))
      assert.equal("ECLOSED", select(3, queue:get(0)))
      assert.equal("ECLOSED", select(3, queue:get_nowait()))
      queue:close()
    end)

    both("law 90: closing wakes waiting getters and putters with ECLOSED", function()
      local empty, full = new(), new(1)
      full:put("in")
      local get = crun.spawn(function() return select(3, empty:get()) end)
      local timed = crun.spawn(function() return select(3, empty:get(10)) end)
      local put = crun.spawn(function() return select(3, full:put("waits")) end)
      crun.yield()
      empty:close()
      full:close()
      assert.same({ "ECLOSED", "ECLOSED", "ECLOSED" }, { get:get(), timed:get(), put:get() })
      assert.equal("in", full:get())
      assert.equal("ECLOSED", select(3, full:get()))
    end)

    both("law 90: iteration ends at close, after what is inside", function()
      local queue, log = new(), support.log()
      local reader = crun.spawn(function()
        for item in queue:iter() do log(item) end
        log("end")
      end)
      queue:put(1)
      crun.yield()
      queue:put(2)
      queue:put(3)
      queue:put(4)
      queue:close()
      reader:join()
      assert.equal("1 2 " .. table.concat(inside(3, 4), " ") .. " end", log:text())
    end)

    both("law 90: a discarding close drops what is inside and counts it as done", function()
      local queue = new()
      for i = 1, 3 do queue:put(i) end
      queue:get()
      local joiner = crun.spawn(function() return queue:join() end)
      crun.yield()
      queue:close(true)
      assert.equal("ECLOSED", select(3, queue:get()))
      assert.equal(0, #queue)
      support.settle()
      assert.is_false(joiner:done())
      queue:task_done()
      assert.is_true(joiner:get())
      support.refuses({ "task_done" }, function() queue:task_done() end)
    end)

    both("law 91: nil, false and tables come out as the same values", function()
      local queue, key = new(), {}
      queue:put(nil)
      queue:put(false)
      queue:put(key)
      assert.equal(3, #queue)
      for _, item in ipairs(inside("nil", false, key)) do
        local got = table.pack(queue:get())
        assert.equal(1, got.n)
        if item == "nil" then item = nil end
        assert.equal(item, got[1])
      end
      assert.equal(3, select("#", queue:get(0)))
    end)

    both("law 91: nil and false pass to a waiting getter too", function()
      local queue = new()
      for _, value in ipairs { "nil", "false" } do
        local waiting = crun.spawn(function() return table.pack(queue:get()) end)
        crun.yield()
        if value == "nil" then queue:put(nil) else queue:put(false) end
        local got = waiting:get()
        assert.equal(1, got.n)
        assert.equal(value, tostring(got[1]))
      end
    end)
  end)
end
