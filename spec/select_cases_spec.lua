-- SPDX-License-Identifier: MIT

local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"
local both, full_queue = support.both, support.full_queue

local select_of = crun.select

local function held_lock(name)
  local lock, gate = crun[name](), crun.Event()
  local holder = crun.spawn(function()
    lock:acquire()
    gate:wait()
    lock:release()
  end)
  crun.yield()
  return { lock = lock, gate = gate, holder = holder }
end

-- What a case of each kind looks like, how it becomes ready, what it then gives, and a check that
-- it is as if it had never been waited for.
local KINDS = {
  ["queue, get"] = {
    words = "get on Queue",
    make = function() return crun.Queue() end,
    case = function(queue) return { queue, "get" } end,
    wake = function(queue) queue:put("item") end,
    gives = { "item" },
    untouched = function(queue) assert.equal("item", (queue:get_nowait())) end,
  },
  ["queue, put"] = {
    words = "put on Queue",
    make = function() return full_queue "old" end,
    case = function(queue) return { queue, "put", "new" } end,
    wake = function(queue) queue:get() end,
    gives = { true },
    untouched = function(queue) assert.equal(0, #queue) end,
  },
  ["queue, put of a table"] = {
    words = "put on Queue",
    make = function() return full_queue "old" end,
    case = function(queue) return { queue, "put", {} } end,
    wake = function(queue) queue:get() end,
    gives = { true },
    untouched = function(queue) assert.equal(0, #queue) end,
  },
  ["channel, recv"] = {
    words = "recv on Channel",
    make = function() return crun.Channel() end,
    case = function(channel) return { channel, "recv" } end,
    wake = function(channel)
      crun.spawn(channel.send, channel, { "item" }, 1)
      crun.yield()
    end,
    gives = { "table" },
    untouched = function(channel)
      assert.same({ "item" }, (channel:recv_nowait()))
      crun.yield()
    end,
  },
  ["channel, send"] = {
    words = "send on Channel",
    make = function() return crun.Channel() end,
    case = function(channel) return { channel, "send", "new" } end,
    wake = function(channel)
      crun.spawn(channel.recv, channel, 1)
      crun.yield()
    end,
    gives = { true },
    untouched = function(channel)
      assert.is_true(channel:send_nowait("later"))
      assert.equal("EAGAIN", select(3, channel:recv_nowait()))
      crun.yield()
    end,
  },
  ["task"] = {
    words = "end of task#",
    make = function()
      local gate = crun.Event()
      local task = crun.spawn(function()
        gate:wait()
        return "a", nil, "c"
      end)
      return { gate = gate, task = task }
    end,
    case = function(object) return { object.task } end,
    wake = function(object)
      object.gate:set()
      object.task:join()
    end,
    gives = { "a", nil, "c", n = 3 },
    untouched = function(object) assert.is_true(object.task:join(0)) end,
  },
  ["future"] = {
    words = "end of Future",
    make = function() return crun.Future() end,
    case = function(future) return { future } end,
    wake = function(future) future:set_result(1, nil) end,
    gives = { 1, nil, n = 2 },
    untouched = function(future) assert.is_true(future:join(0)) end,
  },
  ["event"] = {
    words = "wait for Event",
    make = function() return crun.Event() end,
    case = function(event) return { event } end,
    wake = function(event) event:set() end,
    gives = { true },
    untouched = function(event) assert.is_true(event:wait(0)) end,
  },
  ["semaphore"] = {
    words = "acquire of Semaphore",
    make = function() return crun.Semaphore(0) end,
    case = function(sem) return { sem } end,
    wake = function(sem) sem:release() end,
    gives = { true },
    untouched = function(sem) assert.equal(1, sem:value()) end,
  },
}

for _, name in ipairs { "Lock", "RLock" } do
  KINDS[name] = {
    words = "acquire of " .. name .. " (held by task#",
    make = function() return held_lock(name) end,
    case = function(object) return { object.lock, "acquire" } end,
    wake = function(object)
      object.gate:set()
      object.holder:join()
    end,
    gives = { true },
    gained = function(object) object.lock:release() end,
    untouched = function(object)
      assert.is_true(object.lock:acquire(0))
      object.lock:release()
    end,
  }
end

local function check_given(kind, index, got)
  assert.equal(index, got[1])
  local gives = kind.gives
  assert.equal((gives.n or #gives) + 1, got.n)
  for i = 1, gives.n or #gives do
    local value = got[i + 1]
    assert.equal(gives[i], type(value) == "table" and "table" or value)
  end
end

describe("cases of select:", function()
  for name, kind in pairs(KINDS) do
    describe(name, function()
      local never

      before_each(function() never = crun.Event() end)

      both("ready at once", function()
        local object = kind.make()
        kind.wake(object)
        check_given(kind, 2, table.pack(select_of { { never }, kind.case(object), { 9 } }))
        if kind.gained then kind.gained(object) end
      end)

      both("becomes ready later", function()
        local object = kind.make()
        local got
        local task = crun.spawn(function()
          got = table.pack(select_of { { never }, kind.case(object), { 9 } })
          if kind.gained then kind.gained(object) end
        end)
        crun.yield()
        kind.wake(object)
        task:get()
        check_given(kind, 2, got)
        assert.equal(0, core.stats().timers)
      end)

      both("the default is taken where it is not ready, and only there", function()
        local object = kind.make()
        assert.equal(0, select_of { kind.case(object), default = true })
        kind.wake(object)
        check_given(kind, 1, table.pack(select_of { kind.case(object), default = true }))
        if kind.gained then kind.gained(object) end
      end)

      both("times out and takes nothing along", function()
        local object, start = kind.make(), crun.now()
        local value, message, code = select_of { kind.case(object), { never }, timeout = 0.5 }
        assert.is_nil(value)
        assert.equal("ETIMEDOUT: timed out", message)
        assert.equal("ETIMEDOUT", code)
        support.took(start, 0.5)
        assert.equal("ETIMEDOUT", select(3, select_of { kind.case(object), timeout = 0 }))
        kind.wake(object)
        kind.untouched(object)
      end)

      both("is cancelled and takes nothing along", function()
        local object = kind.make()
        local task = crun.spawn(select_of, { kind.case(object), { never } })
        crun.yield()
        task:cancel("enough")
        task:join()
        assert.equal("enough", task:exception().reason)
        kind.wake(object)
        kind.untouched(object)
      end)

      both("is cancelled and woken in the same turn", function()
        local object = kind.make()
        local task = crun.spawn(select_of, { kind.case(object), { never } })
        crun.yield()
        crun.spawn(function() task:cancel("enough") end)
        crun.yield()
        kind.wake(object)
        task:join()
        kind.untouched(object)
      end)

      both("another case is chosen: it takes nothing along", function()
        local object, other = kind.make(), crun.Event()
        local task = crun.spawn(select_of, { kind.case(object), { other }, kind.case(object) })
        crun.yield()
        other:set()
        kind.wake(object)
        assert.equal(2, (task:get()))
        kind.untouched(object)
      end)

      both("an error thrown into it takes nothing along", function()
        local object = kind.make()
        local task = crun.spawn(select_of, { kind.case(object), { never } })
        crun.yield()
        task:throw("stone")
        task:join()
        assert.equal("stone", task:exception())
        kind.wake(object)
        kind.untouched(object)
      end)

      support.virtual("is said to be waited for", function()
        local object = kind.make()
        local task = crun.spawn(select_of, { { never }, kind.case(object) })
        crun.yield()
        local err = tostring(support.raised(never.wait, never))
        task:cancel()
        kind.wake(object)
        kind.untouched(object)
        assert.truthy(err:find("select of wait for Event, " .. kind.words, 1, true), err)
      end)
    end)
  end
end)
