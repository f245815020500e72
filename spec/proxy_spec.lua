-- SPDX-License-Identifier: MIT

local crun = require "crun"
local links = require "spec.support.links"
local support = require "spec.support"
local both = support.both

local Link = require "crun.link"
local kinds = require "crun.link.kinds"

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- Runs the body with both ends of a link; they are closed behind it.
local function linked(body)
  return function()
    local here, there = links.pair()
    body(here, there)
    here:close()
    there:join()
    support.settle()
    collectgarbage()
    collectgarbage()
  end
end

local proxy = links.proxy

--- Checks that the call raises such an error, at a line of this file.
local function fails(pattern, fn)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.matches("^spec/proxy_spec.lua:%d+: .*" .. pattern, err)
end

describe("a proxy", function()
  both("of a queue puts and gets", linked(function(here)
    local queue = crun.Queue(2)
    local there = proxy(here, queue)
    assert.is_true(there:put({ 1, 2 }))
    assert.same({ 1, 2 }, queue:get())
    queue:put("a")
    assert.equal("a", there:get())
    assert.same({ nil, "EAGAIN: would have to wait", "EAGAIN" }, { there:get_nowait() })
    local getter = crun.spawn(there.get, there)
    support.settle()
    queue:put("late")
    assert.equal("late", getter:get())
    assert.is_true(there:put_nowait(1))
    assert.is_true(there:put(2))
    assert.equal("EAGAIN", select(3, there:put_nowait(3)))
    assert.equal("ETIMEDOUT", select(3, there:put(3, 0)))
    assert.equal("ETIMEDOUT", select(3, there:put(3, 0.01)))
    local putter = crun.spawn(there.put, there, 3)
    support.settle()
    assert.equal(1, queue:get())
    assert.is_true(putter:get())
    assert.equal(2, #there)
    assert.equal(2, there:qsize())
    assert.is_true(there:full())
    assert.is_false(there:empty())
    there:close()
    local list = {}
    for item in there:iter() do list[#list + 1] = item end
    assert.same({ 2, 3 }, list)
    assert.equal("ECLOSED", select(3, there:get()))
    assert.is_true(there:closed())
  end))

  both("comes back to its owner as the original", linked(function(here)
    local queue = crun.Queue()
    local there = proxy(here, queue)
    assert.equal(queue, here:submit(function(q) return q end, queue):get())
    assert.not_equal(queue, there)
    assert.equal(there, proxy(here, queue))
    there:put(queue) -- the original, sent by the other end
    local same = queue:get()
    assert.not_equal(queue, same)
    there:put(there)
    assert.equal(queue, queue:get())
  end))
end)

--- A link whose other end is played by the test, message by message.
local function played(object)
  local a, b = links.ports()
  local link = Link.new(a)
  link:call_soon(print, object)
  local number
  b:hooks(function() end, function(text)
    number = math.tointeger(text:match("^o(%d+)"))
    return io.stdout
  end)
  b:recv()
  return link, b, number
end

--- The number of a method.
local function method(kind, name)
  for number, entry in ipairs(require("crun.proxy.methods")[kind]) do
    if entry[1] == name then return number end
  end
end

describe("what a dead worker leaves behind:", function()
  both("an item on its way goes back to the front", function()
    local queue = crun.Queue(3)
    for i = 1, 3 do queue:put(i) end
    local link, port, number = played(queue)
    for id = 1, 2 do
      port:send(kinds.REQUEST, id, number, method("Queue", "get"), 0)
    end
    assert.equal(kinds.TALLY, (port:recv()))
    port:recv()
    port:recv()
    assert.equal(1, #queue)
    queue:put(4)
    port:close()
    link:join()
    assert.equal(4, queue:qsize())
    assert.equal("EAGAIN", select(3, queue:put_nowait(5)))
    for i = 1, 4 do assert.equal(i, queue:get()) end
  end)

  both("an item that has arrived does not come back", function()
    local queue = crun.Queue()
    for i = 1, 3 do queue:put(i) end
    local link, port, number = played(queue)
    port:send(kinds.REQUEST, 1, number, method("Queue", "get"), 0)
    local _, _, _, tally = port:recv()
    port:recv()
    tally:add()
    port:send(kinds.REQUEST, 2, number, method("Queue", "get"), 0)
    port:recv()
    port:close()
    link:join()
    assert.equal(2, queue:get())
    assert.equal(3, queue:get())
  end)

  both("an item that goes back is given to who waits", function()
    local queue = crun.Queue()
    queue:put("x")
    local link, port, number = played(queue)
    port:send(kinds.REQUEST, 1, number, method("Queue", "get"), 0)
    port:recv()
    port:recv()
    local getter = crun.spawn(queue.get, queue)
    support.settle()
    port:close()
    assert.equal("x", getter:get())
    link:join()
  end)

  both("a request that waits is forgotten", function()
    local queue = crun.Queue()
    local link, port, number = played(queue)
    port:send(kinds.REQUEST, 1, number, method("Queue", "get"), 0)
    port:send(kinds.REQUEST, 2, number, method("Queue", "qsize"), 0)
    port:recv() -- so the first one has been begun
    port:close()
    link:join()
    support.settle()
    queue:put(1)
    assert.equal(1, queue:get_nowait())
  end)

  for _, name in ipairs { "Lock", "RLock", "Condition" } do
    both("a " .. name .. " is released", function()
      local lock = crun[name]()
      local link, port, number = played(lock)
      port:send(kinds.REQUEST, 1, number, method(name, "acquire"), 7)
      port:recv()
      assert.equal("ETIMEDOUT", select(3, lock:acquire(0)))
      port:send(kinds.REQUEST, 2, number, method(name, "acquire"), 8) -- waits
      support.settle()
      port:close()
      link:join()
      assert.is_true(lock:acquire())
      lock:release()
    end)
  end

  both("a RWLock is released", function()
    local lock = crun.RWLock()
    local link, port, number = played(lock)
    port:send(kinds.REQUEST, 1, number, method("RWLock", "write_acquire"), 7)
    port:recv()
    port:close()
    link:join()
    assert.is_true(lock:read_acquire())
    lock:read_release()
  end)

  for _, name in ipairs { "Semaphore", "BoundedSemaphore" } do
    both("units of a " .. name .. " come back", function()
      local sem = crun[name](3)
      local link, port, number = played(sem)
      for id = 1, 3 do
        port:send(kinds.REQUEST, id, number, method(name, "acquire"), 0)
        port:recv()
      end
      port:send(kinds.REQUEST, 4, number, method(name, "release"), 0)
      port:recv()
      assert.equal(1, sem:value())
      port:close()
      link:join()
      support.settle()
      assert.equal(3, sem:value())
    end)
  end
end)

describe("locks through proxies", function()
  both("belong to the task that took them", linked(function(here)
    local lock = crun.RLock()
    local there = proxy(here, lock)
    assert.is_true(there:acquire())
    assert.is_true(there:acquire(0))
    local other = crun.spawn(function() return pcall(there.release, there) end)
    local ok, err = other:get()
    assert.is_false(ok)
    assert.matches("release of RLock that", err)
    assert.equal("ETIMEDOUT", select(3, lock:acquire(0)))
    there:release()
    assert.equal("ETIMEDOUT", select(3, lock:acquire(0)))
    there:release()
    assert.is_true(lock:acquire(0))
    lock:release()
    fails("release of RLock that nobody holds", function() there:release() end)
  end))

  both("are given back by scopes, also of a task that is cancelled", linked(function(here)
    local lock = crun.Lock()
    local there = proxy(here, lock)
    local task = crun.spawn(function()
      local _ <close> = there:hold()
      crun.sleep(1000)
    end)
    support.settle(5)
    assert.is_true(lock:locked())
    task:cancel()
    task:join()
    assert.equal("cancelled", task:status())
    assert.is_false(lock:locked())
    assert.equal("done", there:with(function() return lock:locked() and "done" end))
    assert.is_false(lock:locked())
  end))

  both("are given back when an error leaves the scope", linked(function(here)
    for _, name in ipairs { "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition" } do
      local object = crun[name]()
      local there = proxy(here, object)
      local function leave() error({ "as it is" }) end
      local ok, err = pcall(there.with, there, leave)
      assert.is_false(ok)
      assert.same({ "as it is" }, err)
      assert.is_true(object:acquire(0))
      object:release()
    end
    local lock = crun.RWLock()
    local there = proxy(here, lock)
    for _, with in ipairs { "with_read", "with_write" } do
      assert.is_false((pcall(there[with], there, error, { "x" })))
      assert.is_true(lock:write_acquire(0))
      lock:write_release()
    end
    local queue = crun.Queue()
    queue:put(1)
    do
      local _ <close> = proxy(here, queue)
    end
    assert.is_true(queue:closed())
    assert.equal(1, #queue)
  end))

  for _, name in ipairs { "Lock", "RLock" } do
    both("of a task that ends with a " .. name .. " are lost, as the object says", linked(
      function(here)
        local lock = crun[name]()
        local there = proxy(here, lock)
        crun.spawn(function() there:acquire() end):join()
        repeat
          crun.sleep(0.001)
          local ok, err = pcall(lock.acquire, lock, 0)
        until not ok and err:find("this " .. name .. " is lost")
        assert.is_nil(next(here.agents))
      end))
  end

  both("tell of circles", linked(function(here)
    local first, second = crun.Lock(), crun.Lock()
    local f, s = proxy(here, first), proxy(here, second)
    local function take(one, other)
      return function()
        local _ <close> = one:hold()
        crun.sleep(0.01)
        local _ <close> = other:hold()
        return "fine"
      end
    end
    local a, b = crun.spawn(take(f, s)), crun.spawn(take(s, f))
    crun.joinall { a, b }
    local failed = a:exception() and a or b
    assert.matches("deadlock: ", failed:exception())
    assert.equal("fine", (failed == a and b or a):get())
  end))

  both("notify each other", linked(function(here)
    local condition, ready = crun.Condition(), false
    local there = proxy(here, condition)
    local waiter = crun.spawn(function()
      local _ <close> = there:hold()
      return there:wait_for(function() return ready and "ready" end)
    end)
    support.settle(5)
    there:with(function()
      ready = true
      there:notify_all()
    end)
    assert.equal("ready", waiter:get())
    fails("notify needs the Condition's lock", function() there:notify() end)
    there:with(function()
      assert.equal("ETIMEDOUT", select(3, there:wait_for(function() end, 0.01)))
    end)
  end))
end)

describe("a proxy", function()
  both("of a proxy goes hop by hop", function()
    local here, there = links.pair()
    local up, down = links.pair()
    local queue, lock = crun.Queue(), crun.RLock()
    local q, l = proxy(up, proxy(here, queue)), proxy(up, proxy(here, lock))
    assert.is_true(q:put { "x" })
    assert.same({ "x" }, q:get())
    local getter = crun.spawn(q.get, q)
    support.settle(5)
    queue:put("late")
    assert.equal("late", getter:get())
    assert.equal("ETIMEDOUT", select(3, q:get(0.01)))
    local cancelled = crun.spawn(q.get, q)
    support.settle(5)
    cancelled:cancel()
    cancelled:join()
    queue:put("kept")
    assert.equal("kept", queue:get_nowait())
    l:with(function()
      l:with(function() assert.equal("ETIMEDOUT", select(3, lock:acquire(0))) end)
    end)
    l:acquire()
    up:close()
    down:join()
    assert.is_true(lock:acquire())
    lock:release()
    here:close()
    there:join()
  end)

  both("raises misuse at the caller's line, and what its owner raises", linked(function(here)
    local queue, future, group = crun.Queue(), crun.Future(), crun.WaitGroup()
    local q, f, g = proxy(here, queue), proxy(here, future), proxy(here, group)
    fails("task_done", function() q:task_done() end)
    fails("args%[1%]: thread cannot be sent", function() q:put(coroutine.create(print)) end)
    fails("calling 'get' on bad self %(crun.Queue expected, got number%)", function() q.get(1) end)
    fails("WaitGroup", function() g:done() end)
    local waiting = crun.spawn(f.get, f)
    support.settle(5)
    future:set_error({ code = 7 })
    waiting:join()
    assert.same({ code = 7 }, waiting:exception())
    assert.equal("failed", f:status())
    assert.same({ code = 7 }, f:exception())
  end))

  both("refuses a timeout that is none, as the original", linked(function(here)
    local queue, units = crun.Queue(), crun.Semaphore(1)
    local q, s, e = proxy(here, queue), proxy(here, units), proxy(here, crun.Event())
    fails("bad argument #2 to 'put' %(seconds", function() q:put(1, true) end)
    assert.equal(0, #queue)
    queue:put(1)
    fails("bad argument #1 to 'get' %(seconds", function() q:get(false) end)
    assert.equal(1, #queue)
    fails("bad argument #1 to 'acquire' %(seconds", function() s:acquire("1") end)
    assert.equal(1, units:value())
    fails("bad argument #1 to 'wait' %(seconds", function() e:wait({}) end)
    fails("bad argument #1 to 'release' %(an integer", function() s:release({}) end)
  end))

  both("of a future brings a cancel", linked(function(here)
    local future = crun.Future()
    local f = proxy(here, future)
    local done = crun.Event()
    f:on_done(function() done:set() end)
    assert.is_true(f:cancel("not needed"))
    local ok, err = pcall(f.get, f)
    assert.is_false(ok)
    assert.equal("not needed", err.reason)
    assert.is_true(f:cancelled())
    done:wait()
  end))

  both("raises where nothing can wait", linked(function(here)
    local q = proxy(here, crun.Queue())
    local outcome
    local function drop()
      setmetatable({}, { __gc = function() outcome = table.pack(pcall(q.put, q, 1)) end })
    end
    drop()
    for _ = 1, 3 do collectgarbage() end
    assert.is_false(outcome[1])
    assert.matches("attempt to wait inside a finalizer", outcome[2])
    fails("Queue", function() crun.select { { q, "get" } } end)
  end))

  both("tells of an owner that is gone", function()
    local here, there = links.pair()
    local queue, event = crun.Queue(), crun.Event()
    local q, e = proxy(here, queue), proxy(here, event)
    local getter = crun.spawn(q.get, q)
    support.settle(5)
    here:close()
    assert.equal("ECLOSED", select(3, getter:get()))
    assert.equal("ECLOSED", select(3, getter:get()))
    there:join()
    assert.equal("ECLOSED", select(3, q:put(1)))
    fails("ECLOSED", function() e:set() end)
    assert.equal("crun.Queue: a proxy, ECLOSED: the worker has ended", tostring(q))
  end)

  both("leaves an item that cannot be sent where it is", linked(function(here)
    local queue = crun.Queue()
    local q = proxy(here, queue)
    local thread = coroutine.create(print)
    queue:put(thread)
    queue:put(2)
    fails("results%[1%]: thread cannot be sent", function() q:get() end)
    assert.equal(thread, queue:get())
    assert.equal(2, q:get())
    queue:put(nil)
    fails("a nil item ends a for loop", function()
      local step, state = q:iter()
      step(state)
    end)
    assert.equal(1, #queue)
    assert.is_nil(queue:get())
  end))

  it("is dropped when it is collected: 10,000 leave nothing behind", linked(function(here, there)
    local n = support.scaled(10000)
    local kept = proxy(here, crun.Queue())
    for i = 1, n do
      proxy(here, crun.Event())
      if i % 1000 == 0 then collectgarbage() end
    end
    for _ = 1, 3 do
      collectgarbage()
      support.settle(5)
    end
    local count = 0
    for _ in pairs(here.exports) do count = count + 1 end
    assert.is_true(count < 10, count .. " exports are left")
    assert.is_nil(next(there.exports or {}))
    assert.is_true(kept:put(1))
    here:submit(function() end):get()
  end))

  both("that is sent again while it is being dropped stays alive", linked(function(here)
    local queue = crun.Queue()
    for i = 1, 20 do
      local q = proxy(here, queue)
      collectgarbage()
      q:put(i)
      q = nil -- luacheck: ignore q
      if i % 3 == 0 then collectgarbage() end
      here:submit(function(value) value:put("again") end, queue):get()
    end
    assert.equal(40, #queue)
  end))

  both("in a message that could not be made does not count", linked(function(here)
    local queue = crun.Queue()
    for _ = 1, 5 do
      pcall(here.submit, here, print, queue, coroutine.create(print))
    end
    assert.is_nil(next(here.exports))
    assert.is_true(proxy(here, queue):put(1))
  end))
end)
