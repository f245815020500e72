-- SPDX-License-Identifier: MIT

--- Ports: messages between hubs. The two kinds behave alike, so most laws are said once for both.
local core = require "crun.core"
local crun = require "crun"

--- Two ends, and what closes both with the block.
local function closing(a, b)
  return a, b, setmetatable({}, { __close = function() a:close(); b:close() end })
end

local function memory()
  return closing(core.port_pair())
end

local function socket()
  local a, b = core.socketpair()
  return closing(core.port_open(a), core.port_open(b))
end

for kind, pair in pairs { memory = memory, socket = socket } do
  describe("port (" .. kind .. ")", function()
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

    it("looks without waiting: poll, ready, recv(0)", function()
      local a, b, _ <close> = pair()
      assert.is_false(b:ready())
      assert.is_false(b:poll(0))
      assert.equal("ETIMEDOUT", (select(3, b:recv(0))))
      a:send(1, 1, 1)
      assert.is_true(a:flush())
      assert.is_true(b:ready())
      assert.is_true(b:poll(0))
      assert.equal(1, (b:recv(0)))
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
