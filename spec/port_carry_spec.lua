-- SPDX-License-Identifier: MIT

--- Descriptors that travel in messages: of streams, listeners and connections.
local core = require "crun.core"
local crun = require "crun"
local lfs = require "lfs"
local net = require "spec.support.net"
local ports = require "spec.support.ports"
local process = require "spec.support.process"
local support = require "spec.support"

local refuses, scaled = support.refuses, support.scaled
local closing, memory, socket, settle = ports.closing, ports.memory, ports.socket, ports.settle

local function descriptors()
  collectgarbage()
  collectgarbage()
  settle()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

for name, pair in pairs { memory = memory, socket = socket } do
  describe("port (" .. name .. ")", function()
    it("carries streams", function()
      local a, b, _ <close> = pair()
      local near, far, streams <close> = closing(net.pair()) -- luacheck: ignore streams
      a:send(1, 1, 1, { far, again = far })
      far:close()
      local _, _, _, list = b:recv()
      local there <close> = list[1]
      assert.is_true(there == list.again)
      near:write("one\ntwo\n")
      assert.equal("one", there:read("l"))
      there:write("back\n")
      assert.equal("back", near:read("l"))
      refuses({ "a Stream that has unread bytes cannot be sent" }, function()
        b:send(1, 1, 1, there)
      end)
      assert.equal("two", there:read("l"))
      b:send(1, 1, 1, there)
      there:close()
      local home <close> = select(4, a:recv())
      near:write("three\n")
      assert.equal("three", home:read("l"))
    end)

    it("carries pipes", function()
      local a, b, _ <close> = pair()
      local reader, writer = core.pipe()
      local from, to = core.stream_open(reader), core.stream_open(writer)
      a:send(1, 1, 1, to, from)
      to:close()
      from:close()
      local _, _, _, out, inn = b:recv()
      out:write("through")
      out:close()
      assert.equal("through", inn:read("a"))
      inn:close()
    end)

    it("carries listeners", function()
      local a, b, _ <close> = pair()
      local listener = assert(crun.net.listen("127.0.0.1", 0, { nodelay = false }))
      local host, port = listener:sockname()
      a:send(1, 1, 1, listener)
      listener:close()
      local there <close> = select(4, b:recv())
      local client <close> = assert(crun.net.connect(host, port))
      local served <close> = assert(there:accept())
      served:write("hello\n")
      assert.equal("hello", client:read("l"))
    end)

    it("carries connections", function()
      local a, b, _ <close> = pair()
      local one, two, both <close> = closing(crun.Pipe()) -- luacheck: ignore both
      one:send("early")
      a:send(1, 1, 1, two)
      two:close()
      local there <close> = select(4, b:recv())
      assert.equal("early", there:recv())
      one:send("late", 1)
      one:send("later")
      assert.same({ "late", 1 }, { there:recv() })
      refuses({ "a Connection that has unread bytes cannot be sent" }, function()
        b:send(1, 1, 1, there)
      end)
      assert.equal("later", there:recv())
    end)

    it("refuses what is closed, or not at rest, and encoded messages", function()
      local a, b, _ <close> = pair()
      local near, far, streams <close> = closing(net.pair()) -- luacheck: ignore streams
      local one, two, both <close> = closing(crun.Pipe()) -- luacheck: ignore both
      local reader = crun.spawn(far.recv, far)
      settle()
      refuses({ "a Stream that has unread bytes cannot be sent" }, function()
        a:send(1, 1, 1, far)
      end)
      near:write("x")
      reader:join()
      refuses({ "args[1]: crun.Stream cannot be sent" }, function() core.encode(far) end)
      local sender = crun.spawn(function()
        for _ = 1, 60 do one:send(("x"):rep(100000)) end
      end)
      settle()
      refuses({ "a Connection that has unsent bytes cannot be sent" }, function()
        a:send(1, 1, 1, one)
      end)
      two:close()
      sender:join()
      far:close()
      refuses({ "a Connection cannot be sent: closed" }, function() a:send(1, 1, 1, two) end)
      refuses({ "a Stream cannot be sent: closed" }, function() a:send(1, 1, 1, far) end)
      assert.is_false(b:poll(0))
      settle()
    end)

    it("closes the descriptors of what nobody receives", function()
      local before = descriptors()
      for _ = 1, scaled(50, 5) do
        local a, b = pair()
        local near, far = net.pair()
        a:send(1, 1, 1, far)
        a:send(1, 1, 1, far, far, near)
        a:flush()
        near:close()
        far:close()
        if b:poll(0) then b:close() end
        a:close()
      end
      assert.equal(before, descriptors())
    end)

    it("takes no descriptor when the message names none, and the other way round", function()
      local a, b, _ <close> = pair()
      local near, far, streams <close> = closing(net.pair()) -- luacheck: ignore streams
      local before = descriptors()
      -- What a message with one stream looks like, without a descriptor.
      local reference = core.encode("s\0")
      for i = 1, #reference do
        a:post_encoded(1, 1, 1, reference:sub(1, i - 1) .. "\14" .. reference:sub(i + 1))
      end
      a:flush()
      for _ = 1, #reference do b:recv() end
      a:send(1, 1, 1, near, far)
      settle()
      assert.equal(1, (b:recv()))
      assert.equal(before, descriptors())
    end)

    it("takes 250 descriptors in one message and no more", function()
      local a, b, _ <close> = pair()
      local list = {}
      for i = 1, 251 do
        local reader, writer = core.pipe()
        core.close_fd(writer)
        list[i] = core.stream_open(reader)
      end
      refuses({ "more than 250 descriptors in one message" }, function() a:send(1, 1, 1, list) end)
      list[251]:close()
      list[251] = nil
      a:send(1, 1, 1, list)
      for _, stream in ipairs(list) do stream:close() end
      local _, _, _, arrived = b:recv()
      assert.equal(250, #arrived)
      for _, stream in ipairs(arrived) do stream:close() end
    end)
  end)
end

describe("a port, with all descriptors in use", function()
  local script = [[
    local core = require "crun.core"
    local crun = require "crun"
    local a, b = core.socketpair()
    a, b = core.port_open(a), core.port_open(b)
    local r, w = core.pipe()
    local stream = core.stream_open(r)
    a:send(1, 1, 0, stream)
    a:send(1, 2, 0, "between")
    a:send(1, 3, 0, stream)
    assert(a:flush())
    local taken, listeners = {}, {}
    for x, y in core.pipe do
      taken[#taken + 1] = x
      taken[#taken + 1] = y
    end
    repeat -- one may be left
      local listener = crun.net.listen("127.0.0.1", 0)
      listeners[#listeners + 1] = listener
    until not listener
    print(select(3, a:send(1, 9, 0, stream)))
    print(b:recv())
    print(b:recv())
    for _, fd in ipairs(taken) do core.close_fd(fd) end
    print((select(4, b:recv())))
    print(a:send(1, 4, 0, "after"))
    print(b:recv())
  ]]

  it("loses what came for one message, says so, and goes on #nosan", function()
    local result = process.run(script, { limit = "-n 60" })
    assert.equal("", result.err)
    local lines = {}
    for line in result.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal("-1\t1\t0\ta descriptor did not arrive: too many are open",
      (lines[2]:gsub("script.lua:%d+: ", "")))
    assert.equal("1\t2\t0\tbetween", lines[3])
    assert.matches("crun.Stream", lines[4])
    assert.equal("true", lines[5])
    assert.equal("1\t4\t0\tafter", lines[6])
    assert.equal("EMFILE", lines[1])
  end)
end)
