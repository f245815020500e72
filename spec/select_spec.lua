-- SPDX-License-Identifier: MIT

local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"
local testing = require "crun.testing"
local both, full_queue = support.both, support.full_queue

local select_of = crun.select

describe("select:", function()
  both("a result that has arrived wins over a later cancel", function()
    local queue = crun.Queue()
    local got
    local task = crun.spawn(function()
      got = table.pack(select_of { { queue, "get" } })
      crun.yield()
    end)
    crun.yield()
    queue:put("item")
    task:cancel("late")
    task:join()
    assert.same({ 1, "item", n = 2 }, got)
    assert.equal("late", task:exception().reason)
  end)

  both("a value that was sent counts as sent, whatever comes later", function()
    local queue = full_queue(1)
    local task = crun.spawn(function()
      assert.equal(1, (select_of { { queue, "put", 2 } }))
      crun.yield()
    end)
    crun.yield()
    assert.equal(1, queue:get())
    task:cancel("late")
    task:join()
    assert.equal(2, queue:get(0))
  end)

  both("closing wakes it with the failure of the case", function()
    local queue, full = crun.Queue(), full_queue(1)
    local closer = crun.spawn(function() queue:close() end)
    assert.same({ 1, nil, "ECLOSED: closed", "ECLOSED", n = 4 },
      table.pack(select_of { { queue, "get" }, { full, "put", {} } }))
    closer:join()
    crun.spawn(function() full:close() end)
    assert.same({ 2, nil, "ECLOSED: closed", "ECLOSED", n = 4 },
      table.pack(select_of { { 1 }, { full, "put", {} } }))
    assert.equal("ECLOSED", select(4, select_of { { queue, "get" } }))
    assert.equal("ECLOSED", select(4, select_of { { full, "put", 1 } }))
    assert.same({ 1, 1, n = 2 }, table.pack(select_of { { full, "get" } }))
  end)

  both("a timer among the cases", function()
    local queue, start = crun.Queue(), crun.now()
    assert.same({ 2, n = 1 }, table.pack(select_of { { 3 }, { 2 }, { queue, "get" }, timeout = 5 }))
    support.took(start, 2)
    assert.equal("ETIMEDOUT", select(3, select_of { { 3 }, { queue, "get" }, timeout = 1 }))
    assert.equal(2, (select_of { { queue, "get" }, { 1 }, timeout = 1 }))
    assert.equal(2, (select_of { { math.huge }, { 0 } }))
    assert.equal(2, (select_of { { queue, "get" }, { -1 }, default = true }))
    assert.equal(0, core.stats().timers)
  end)

  both("without cases it sleeps, or takes the default", function()
    local start = crun.now()
    assert.equal("ETIMEDOUT", select(3, select_of { timeout = 2 }))
    support.took(start, 2)
    assert.equal(0, select_of { default = true })
  end)

  both("false stands for no case, and keeps the numbers", function()
    local event = crun.Event()
    crun.spawn(function() event:set() end)
    assert.equal(3, (select_of { false, { crun.Event() }, { event } }))
    assert.equal(3, (select_of { false, false, { event } }))
  end)

  both("nil is an item like any other", function()
    local queue = crun.Queue(1)
    assert.same({ 1, true, n = 2 }, table.pack(select_of { { queue, "put" } }))
    assert.same({ 1, nil, n = 2 }, table.pack(select_of { { queue, "get" } }))
    crun.spawn(function() queue:put(nil) end)
    assert.same({ 1, nil, n = 2 }, table.pack(select_of { { queue, "get" } }))
  end)

  both("a task that fails ends the wait; its error is raised for who asks for it", function()
    local function fail()
      crun.yield()
      error("broken", 0)
    end
    assert.same({ 1, n = 1 }, table.pack(select_of { { crun.spawn(fail) } }))
    local task = crun.spawn(fail)
    assert.equal("broken", support.raised(select_of, { { task, "get" } }))
    assert.equal("broken", support.raised(select_of, { { task, "get" }, default = true }))
    local future = crun.Future()
    crun.spawn(function() future:set_error("bad") end)
    assert.same({ 1, n = 1 }, table.pack(select_of { { future } }))
    assert.equal("bad", support.raised(select_of, { { future, "get" } }))
  end)

  both("a lock that was chosen is held by the task", function()
    local lock, rlock = crun.Lock(), crun.RLock()
    assert.equal(1, (select_of { { lock } }))
    assert.truthy(tostring(lock):find("holds (taken at ", 1, true))
    assert.equal(1, (select_of { { rlock } }))
    assert.equal(1, (select_of { { rlock } }))
    rlock:release()
    local other = crun.spawn(function() return rlock:acquire(0) end)
    assert.is_nil((other:get()))
    rlock:release()
    lock:release()
  end)

  describe("locks and circles:", function()
    both("its own lock can never come", function()
      local lock = crun.Lock()
      lock:acquire()
      support.refuses({ "deadlock", "that" }, function() select_of { { lock }, { 1 } } end)
      assert.equal(0, select_of { { lock }, default = true })
      assert.equal("ETIMEDOUT", select(3, select_of { { lock }, timeout = 0 }))
      lock:release()
    end)

    both("a select for one lock closes a circle like an acquire", function()
      local a, b = crun.Lock(), crun.Lock()
      a:acquire()
      local task = crun.spawn(function()
        b:acquire()
        select_of { { a } }
        a:release()
        b:release()
      end)
      crun.yield()
      support.refuses({ "deadlock" }, function() b:acquire() end)
      support.refuses({ "deadlock" }, function() select_of { { b } } end)
      a:release()
      task:get()
    end)

    both("one that has another case is no part of a circle", function()
      local a, b, gate = crun.Lock(), crun.Lock(), crun.Event()
      a:acquire()
      local task = crun.spawn(function()
        b:acquire()
        local index = select_of { { a }, { gate } }
        b:release()
        return index
      end)
      crun.yield()
      crun.spawn(function() gate:set() end)
      assert.is_true(b:acquire())
      assert.equal(2, (task:get()))
      a:release()
      b:release()
    end)

    both("a lock that is lost raises", function()
      local lock = crun.Lock()
      local task = crun.spawn(function()
        lock:acquire()
        crun.yield()
      end)
      crun.yield()
      support.refuses({ "Lock is lost" }, function() select_of { { lock }, { 1 } } end)
      task:join()
      support.refuses({ "Lock is lost" }, function() select_of { { lock }, { 1 } } end)
    end)
  end)

  both("two selects that match each other on one queue meet", function()
    local queue = full_queue(0)
    local other = crun.Event()
    local taker = crun.spawn(function() return select_of { { other }, { queue, "get" } } end)
    local index = select_of { { queue, "put", "x" }, { other } }
    assert.equal(1, index)
    assert.same({ 2, 0, n = 2 }, table.pack(taker:get()))
    assert.equal("x", queue:get(0))
  end)

  both("two selects that match each other on a channel without capacity meet", function()
    local channel, got = crun.Channel(), {}
    local function both_ways(name)
      local index, item = select_of { { channel, "recv" }, { channel, "send", name } }
      got[name] = index == 1 and item or "sent"
    end
    local a = crun.spawn(both_ways, "a")
    crun.yield()
    assert.equal("waiting", a:status())
    local b = crun.spawn(both_ways, "b")
    crun.joinall { a, b }
    assert.is_true(got.a == "sent" and got.b == "a" or got.b == "sent" and got.a == "b")
    assert.equal("EAGAIN", select(3, channel:recv_nowait()))
    assert.equal("EAGAIN", select(3, channel:send_nowait(1)))
  end)

  both("the same channel in several cases gives each item once", function()
    local channel, got = crun.Channel(), {}
    local task = crun.spawn(function()
      for _ = 1, 6 do
        local index, item = select_of {
          { channel, "recv" }, { channel, "send", "mine" }, { channel, "recv" },
        }
        got[#got + 1] = index == 2 and "sent" or item
      end
    end)
    for i = 1, 3 do
      channel:send(i)
      assert.equal("mine", channel:recv())
    end
    task:join()
    table.sort(got, function(x, y) return tostring(x) < tostring(y) end)
    assert.same({ 1, 2, 3, "sent", "sent", "sent" }, got)
  end)

  both("every kind of queue, in its order", function()
    local lifo, priority = crun.LifoQueue(2), crun.PriorityQueue(2)
    for _, item in ipairs { 1, 2 } do
      assert.equal(1, (select_of { { lifo, "put", item } }))
      assert.equal(1, (select_of { { priority, "put", 3 - item } }))
    end
    local putter = crun.spawn(function()
      assert.equal(1, (select_of { { priority, "put", 0 }, { lifo, "put", 9 } }))
    end)
    crun.yield()
    assert.same({ 1, 1, n = 2 }, table.pack(select_of { { priority, "get" } }))
    putter:get()
    assert.same({ 1, 0, n = 2 }, table.pack(select_of { { priority, "get" } }))
    assert.same({ 1, 2, n = 2 }, table.pack(select_of { { lifo, "get" } }))
  end)

  both("of several selects that wait the oldest is served first", function()
    local queue, log, tasks = crun.Queue(), support.log(), {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        local _, item = select_of { { crun.Event() }, { queue, "get" } }
        log(i .. ":" .. item)
      end)
    end
    tasks[4] = crun.spawn(function() log("get:" .. queue:get()) end)
    crun.yield()
    for _, item in ipairs { "a", "b", "c", "d" } do queue:put(item) end
    crun.joinall(tasks)
    assert.equal("1:a 2:b 3:c get:d", log:text())
  end)

  both("one task waits with many cases", function()
    local cases, queues = {}, {}
    for i = 1, 300 do
      queues[i] = crun.Queue(1)
      cases[i] = { queues[i], "get" }
    end
    for i = 300, 1, -1 do
      local putter = crun.spawn(function() queues[i]:put(i) end)
      assert.same({ i, i, n = 2 }, table.pack(select_of(cases)))
      putter:join()
    end
    cases.default = true
    assert.equal(0, select_of(cases))
  end)

  both("the list may be used again, and changed while it is waited for", function()
    local queue = crun.Queue()
    local cases = { { queue, "get" }, { crun.Queue(), "get" } }
    local task = crun.spawn(select_of, cases)
    crun.yield()
    cases[1][1], cases[2] = nil, nil
    collectgarbage()
    collectgarbage()
    queue:put("here")
    assert.same({ 1, "here", n = 2 }, table.pack(task:get()))
  end)

  both("what is given to it is collected no sooner than the table that it is", function()
    local queue = crun.Queue(1)
    local task = crun.spawn(function()
      local _, item = select_of { { queue, "get" }, { 9 } }
      return item.x
    end)
    crun.yield()
    queue:put { x = 42 }
    collectgarbage()
    assert.equal(42, (task:get()))
    queue:put(0)
    task = crun.spawn(select_of, { { queue, "put", { x = 43 } } })
    crun.yield()
    collectgarbage()
    assert.equal(0, queue:get())
    collectgarbage()
    assert.equal(43, queue:get().x)
    task:join()
  end)

  both("values that were not sent can be collected", function()
    local weak = setmetatable({}, { __mode = "k" })
    local queue = full_queue(1)
    do
      local item = {}
      weak[item] = true
      select_of { { queue, "put", item }, { queue, "put", item }, timeout = 1 }
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  for _, ready in ipairs { "at once", "one after the other" } do
    both("fair among the cases, ready " .. ready, function()
      local n = support.scaled(2000, 60)
      local counts = { 0, 0, 0, 0 }
      testing.seed(7)
      local queues, cases = {}, {}
      for i = 1, 4 do
        queues[i] = crun.Queue(1)
        cases[i] = { queues[i], "get" }
      end
      for _ = 1, n do
        if ready == "at once" then
          for i = 1, 4 do
            if queues[i]:empty() then queues[i]:put(i) end
          end
        else
          crun.spawn(function()
            for i = 1, 4 do queues[i]:put_nowait(i) end
          end)
          local index = select_of { { queues[1], "get" }, { queues[1], "get" } }
          counts[index] = counts[index] + 1
          for i = 2, 4 do queues[i]:get() end
        end
        if ready == "at once" then
          local index, item = select_of(cases)
          assert.equal(index, item)
          counts[index] = counts[index] + 1
        end
      end
      testing.seed(nil)
      local shares = ready == "at once" and 4 or 2
      -- Five standard deviations of a share.
      local slack = 5 * math.sqrt((shares - 1) / n)
      for i = 1, shares do
        local share = counts[i] / n * shares
        assert.is_true(math.abs(share - 1) < slack, ("case %d: %.2f"):format(i, share))
      end
    end)
  end

  both("the same seed gives the same choices", function()
    local function choices(seed)
      testing.seed(seed)
      local list, event = {}, crun.Event()
      event:set()
      for i = 1, 50 do list[i] = select_of { { event }, { event }, { event } } end
      testing.seed(nil)
      return table.concat(list)
    end
    assert.equal(choices(5), choices(5))
    assert.not_equal(choices(5), choices(6))
  end)

  both("works wherever Lua code may run", function()
    local queue = crun.Queue()
    local feeder = crun.spawn(function()
      for i = 1, 6 do
        crun.yield()
        queue:put(i)
      end
    end)
    local got = {}
    table.sort({ 3, 1, 2 }, function(a, b)
      got[#got + 1] = select(2, select_of { { queue, "get" }, { 9 } })
      return a < b
    end)
    local next_item = coroutine.wrap(function()
      while true do coroutine.yield(select(2, select_of { { queue, "get" }, { 9 } })) end
    end)
    while #got < 6 do got[#got + 1] = next_item() end
    feeder:join()
    assert.equal("1 2 3 4 5 6", table.concat(got, " "))
  end)

  it("a coroutine that waits in it and is closed by somebody else leaves all lines", function()
    core.stack_budget(0)
    local queue, event, threads = crun.Queue(), crun.Event(), {}
    local task = crun.spawn(function()
      threads[1] = coroutine.running()
      select_of { { queue, "get" }, { event } }
    end)
    crun.yield()
    coroutine.close(table.remove(threads))
    collectgarbage()
    collectgarbage()
    task:join()
    assert.equal("failed", task:status())
    queue:put("kept")
    event:set()
    assert.equal("kept", queue:get(0))
  end)

  it("cannot wait inside a finalizer", function()
    local message
    do
      local _ = setmetatable({}, { __gc = function()
        message = support.raised(select_of, { { crun.Queue(), "get" } })
      end })
    end
    collectgarbage()
    collectgarbage()
    assert.truthy(tostring(message):find("finalizer", 1, true))
  end)
end)
