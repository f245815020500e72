-- SPDX-License-Identifier: MIT

--- Ports: messages between hubs. The two kinds behave alike, so most laws are said once for both.
local core = require "crun.core"
local crun = require "crun"
local ports = require "spec.support.ports"
local support = require "spec.support"

local random = require "spec.support.random"
local refuses, scaled = support.refuses, support.scaled
local memory, socket, settle = ports.memory, ports.socket, ports.settle

for name, pair in pairs { memory = memory, socket = socket } do
  describe("port (" .. name .. ")", function()
    it("carries header and values in both directions, in order", function()
      local a, b, _ <close> = pair()
      assert.is_true(a:send(1, 2, 3, "x", 4.5, nil))
      assert.is_true(a:send(127, math.maxinteger, 2 ^ 32 - 1 | 0))
      assert.is_true(b:send(7, 0, 0, { 1, 2, list = { "y" } }))
      assert.same({ 1, 2, 3, "x", 4.5, nil }, { b:recv() })
      assert.same({ 127, math.maxinteger, 4294967295 }, { b:recv() })
      assert.same({ 7, 0, 0, { 1, 2, list = { "y" } } }, { a:recv() })
    end)

    it("tells the end of the other side once all has been received", function()
      local a, b, _ <close> = pair()
      a:send(1, 1, 0, "last")
      assert.same({ false }, { b:closed() })
      a:close()
      assert.same({ 1, 1, 0, "last" }, { b:recv() })
      local none, message, code = b:recv()
      assert.is_nil(none)
      assert.equal("ECLOSED: the other end is closed", message)
      assert.equal("ECLOSED", code)
      assert.is_true(b:poll(0))
      assert.same({ true, "the other end is closed" }, { b:closed() })
      assert.equal("ECLOSED", (select(3, b:send(1, 1, 1))))
    end)

    it("looks without waiting: poll, recv(0)", function()
      local a, b, _ <close> = pair()
      assert.is_false(b:poll(0))
      assert.equal("ETIMEDOUT", (select(3, b:recv(0))))
      a:send(1, 1, 1)
      assert.is_true(b:poll(0))
      assert.equal(1, (b:recv()))
      a:send(1, 1, 1)
      assert.equal(1, (b:recv(0)))
      a:send(1, 1, 1)
      assert.is_true(a:flush())
      assert.is_true(b:poll(0))
      assert.equal(1, (b:recv(0)))
    end)

    it("raises for misuse, at the caller's line", function()
      local a, b, _ <close> = pair()
      refuses({ "#1", "a kind from 1 to 127" }, function() a:send(0, 1, 1) end)
      refuses({ "#1", "a kind from 1 to 127" }, function() a:post(128, 1, 1) end)
      refuses({ "#2", "an id >= 0" }, function() a:send(1, -1, 1) end)
      refuses({ "#3", "0 to 2^32-1" }, function() a:send(1, 1, 2 ^ 32 | 0) end)
      refuses({ "args[2].x: crun.Task cannot be sent" }, function()
        a:send(1, 1, 1, 1, { x = crun.current() })
      end)
      refuses({ "thread cannot be sent" }, function() a:send(1, 1, 1, coroutine.create(print)) end)
      refuses({ "seconds or nil" }, function() a:recv("x") end)
      a:send(1, 1, 1, "whole")
      assert.same({ 1, 1, 1, "whole" }, { b:recv() })
    end)

    it("sends messages made before", function()
      local a, b, _ <close> = pair()
      local long = ("z"):rep(100000)
      local message, another = core.encode("x", 2), core.encode({ long }, long)
      for i = 1, 3 do
        assert.is_true(a:post_encoded(1, i, 0, message))
        assert.is_true(a:post_encoded(2, i, 0, another))
      end
      for i = 1, 3 do
        assert.same({ 1, i, 0, "x", 2 }, { b:recv() })
        local kind, id, _, list, text = b:recv()
        assert.is_true(kind == 2 and id == i and list[1] == long and text == long)
      end
    end)

    it("is told of messages after flushes of nothing", function()
      local a, b, _ <close> = pair()
      local echo = crun.spawn(function()
        while b:recv() do
          b:send(1, 1, 1)
          b:flush()
        end
      end)
      for _ = 1, 5 do
        a:send(1, 1, 1)
        a:flush()
        a:flush()
        assert.equal(1, (a:recv()))
      end
      a:close()
      echo:join()
    end)

    it("says with a negative kind that the values cannot be made", function()
      local a, b, _ <close> = pair()
      a:post_encoded(5, 6, 7, "nonsense")
      a:post_encoded(5, 7, 8, core.encode(1):sub(1, -2))
      a:send(1, 1, 1, "next")
      assert.same({ -5, 6, 7, "bad message: it ends too early" }, { b:recv() })
      assert.same({ -5, 7, 8, "bad message: it ends too early" }, { b:recv() })
      assert.same({ 1, 1, 1, "next" }, { b:recv() })
    end)

    it("decodes messages of any bytes to values or an error", function()
      local a, b, _ <close> = pair()
      local rand = random.new(7)
      local good = core.encode({ 1, "two", { three = 3.5 } }, ("x"):rep(200), true)
      for i = 1, scaled(3000, 50) do
        local at, byte = rand(#good), string.char(rand(256) - 1)
        a:post_encoded(1, i, 0, good:sub(1, at - 1) .. byte .. good:sub(at + 1))
        local kind, id = b:recv()
        assert.is_true((kind == 1 or kind == -1) and id == i)
      end
    end)

    it("asks its hooks about objects that it does not know", function()
      local a, b, _ <close> = pair()
      local known, back = crun.Lock(), { "the object" }
      a:hooks(function(object) return object == known and "k\0 1" or nil end, nil, "to a test")
      b:hooks(nil, function(text) return text == "k\0 1" and back or error("what?", 0) end)
      a:send(1, 1, 1, known, { known })
      local _, _, _, first, list = b:recv()
      assert.is_true(first == back and list[1] == back)
      refuses({ "args[1]: crun.Task cannot be sent to a test" }, function()
        a:send(1, 1, 1, crun.current())
      end)
      b:hooks(nil, function() error("no such object", 0) end)
      a:send(1, 2, 3, known)
      assert.same({ -1, 2, 3, "no such object" }, { b:recv() })
      b:hooks()
      a:send(1, 2, 3, known)
      assert.matches("a reference that means nothing here", select(4, b:recv()))
    end)

    it("sends a global once when the other end keeps what it gets", function()
      local a, b, _ <close> = pair()
      _G.port_spec_data = ("g"):rep(5000)
      a:known()
      local use = load("return port_spec_data")
      local function queued() return tonumber(tostring(a):match("%d+")) end
      a:send(1, 1, 1, use)
      assert.is_true(queued() > 5000)
      assert.is_true(#core.encode(use) > 5000) -- an encoded message may go anywhere
      b:recv()
      a:send(1, 2, 1, use)
      assert.is_true(queued() < 1000)
      assert.equal(port_spec_data, (select(4, b:recv()))()) -- luacheck: ignore port_spec_data
      _G.port_spec_data = nil
    end)

    it("waits to send while 1 MiB is under way, and posts without waiting", function()
      local a, b, _ <close> = pair()
      local text, sent = ("x"):rep(100000), 0
      local sender = crun.spawn(function()
        for i = 1, 100 do
          a:send(1, i, 0, text)
          sent = i
        end
      end)
      settle()
      -- A socket's buffer holds some more.
      assert.is_true(sent >= 10 and sent < (name == "memory" and 20 or 50))
      assert.is_false(sender:done())
      local sent_before = sent
      assert.is_true(a:post(2, 0, 0, "posted"))
      local count, posted = 0, nil
      for _ = 1, 101 do
        local kind, id = b:recv()
        if kind == 1 then count = id else posted = count end
      end
      assert.is_true(count == 100 and posted == sent_before)
      sender:get()
    end)

    it("gives up a send that waits, with nothing sent", function()
      local a, b, _ <close> = pair()
      local text = ("x"):rep(300000)
      for i = 1, 20 do a:post(1, i, 0, text) end
      local sender = crun.spawn(function() return a:send(2, 0, 0, text) end)
      settle()
      assert.is_nil(crun.with_timeout(0.01, a.send, a, 3, 0, 0, text))
      sender:cancel()
      settle()
      assert.is_true(sender:cancelled())
      for i = 1, 20 do assert.equal(i, select(2, b:recv())) end
      assert.equal("ETIMEDOUT", (select(3, b:recv(0))))
    end)

    it("ends every wait when it is closed here", function()
      local a, b, _ <close> = pair()
      for _ = 1, 60 do a:post(1, 1, 1, ("x"):rep(100000)) end
      local tasks = {
        crun.spawn(a.send, a, 1, 1, 1), crun.spawn(a.recv, a), crun.spawn(a.recv, a, 5),
        crun.spawn(a.poll, a),
      }
      settle()
      a:close()
      a:close()
      for i = 1, 3 do
        assert.same({ nil, "ECLOSED: closed", "ECLOSED" }, { tasks[i]:get() })
      end
      assert.is_true(tasks[4]:get())
      for _, call in ipairs { a.send, a.post, a.flush, a.recv } do
        assert.equal("ECLOSED", (select(3, call(a, 1, 1, 1))))
      end
      assert.is_true(a:poll(0))
      assert.equal("crun.Port: closed", tostring(a))
      b:close() -- until then a socket's end goes on writing
      settle()
    end)

    it("closes what is collected", function()
      local a
      do
        local b
        a, b = pair()
        local receiver = crun.spawn(b.recv, b)
        a:send(1, 2, 3, "kept")
        assert.same({ 1, 2, 3, "kept" }, { receiver:get() })
      end
      collectgarbage()
      collectgarbage()
      assert.equal("ECLOSED", (select(3, a:recv())))
      a:close()
    end)

    it("lets other tasks run while messages never end", function()
      local a, b, _ <close> = pair()
      local turns, over = 0, false
      local other = crun.spawn(function()
        while not over do
          turns = turns + 1
          crun.yield()
        end
      end)
      for i = 1, 5000 do a:post(1, i, 0) end
      a:flush()
      for _ = 1, 5000 do b:recv() end
      over = true
      other:join()
      assert.is_true(turns >= 20)
    end)

    it("goes on while a module that a message names is required, and waits", function()
      local a, b, _ <close> = pair()
      package.preload["port_spec.slow"] = function()
        crun.sleep(0.001)
        return { area = function(x) return x * x end, name = "slow" }
      end
      local module = require "port_spec.slow"
      a:send(1, 1, 1, module.area)
      for i = 2, 200 do a:send(1, i, 1, i) end
      a:flush()
      package.loaded["port_spec.slow"] = nil
      local slow = crun.spawn(b.recv, b)
      crun.yield()
      for i = 2, 200 do
        local _, id, _, value = b:recv()
        assert.is_true(id == i and value == i)
      end
      assert.equal(9, (select(4, slow:get()))(3))
      package.loaded["port_spec.slow"], package.preload["port_spec.slow"] = nil, nil
    end)

    it("carries many messages and a large one", function()
      local a, b, _ <close> = pair()
      local big = ("0123456789"):rep(300000)
      local sender = crun.spawn(function()
        for i = 1, 20000 do a:send(1, i, 0, i) end
        a:send(2, 0, 0, big)
        return a:flush()
      end)
      for i = 1, 20000 do
        local _, id, _, value = b:recv()
        if id ~= i or value ~= i then error("out of order at " .. i) end
      end
      assert.is_true(big == select(4, b:recv()))
      assert.is_true(sender:get())
    end)
  end)
end
