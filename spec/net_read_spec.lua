-- SPDX-License-Identifier: MIT

-- read, lines, recv and write of a stream: the formats of io.read over bytes that come in pieces.
local crun = require "crun"
local net = require "spec.support.net"
local support = require "spec.support"

local function with_pair(title, body)
  support.both(title, function() net.with_pair(body) end)
end

local function fails(code, ok, message, got)
  assert.is_nil(ok)
  assert.equal(code, got)
  assert.equal(code .. ": ", message:sub(1, #code + 2))
end

-- The bytes of the text one by one, and all at once.
local function each_way(client, text, pieces)
  if pieces then
    local list = {}
    for i = 1, #text do list[i] = text:sub(i, i) end
    return net.send_slowly(client, list)
  end
  return net.send_slowly(client, { text })
end

-- What io.read gives for the same formats and bytes.
local function by_io(text, ...)
  local file = assert(io.tmpfile())
  file:write(text)
  file:seek("set")
  local results = table.pack(file:read(...))
  file:close()
  return results
end

local TEXTS = {
  "", "\n", "\n\n", "one", "one\n", "one\ntwo", "one\ntwo\n", "\r\n", "a\0b\nc", "  12 0x1F\n",
  "-7.5e3x", "0x", ".5.5", "1e+", "+", "nan", "12", "0x1.8p1 ", " \n\t 42abc", ("9"):rep(199),
  ("9"):rep(250), "1..2", "5\n6\n7",
}

local FORMATS = {
  { "l" }, { "L" }, { "a" }, { "n" }, { 0 }, { 1 }, { 3 }, { 1000 }, { "*l" }, { "l", "l" },
  { "L", "a" }, { "n", "n", "l" }, { 2, "l", "a" }, { "a", "a" }, { "a", "l" }, { "l", 0 },
  { "n", "a" }, { 0, "n" },
}

describe("read", function()
  for _, pieces in ipairs { false, true } do
    it("agrees with io.read, its bytes " .. (pieces and "one by one" or "all at once"), function()
      for _, text in ipairs(TEXTS) do
        if not pieces or #text < 20 then
          for _, formats in ipairs(FORMATS) do
            net.with_pair(function(client, server)
              local sender = each_way(client, text, pieces)
              local given = formats
              -- A last number would be the timeout: nil after it says that there is none.
              if #formats > 1 and math.type(formats[#formats]) then
                given = table.pack(table.unpack(formats))
                given.n = given.n + 1
              end
              local got = table.pack(server:read(table.unpack(given, 1, given.n or #given)))
              assert.same(by_io(text, table.unpack(formats)), got,
                ("%q with %s"):format(text, table.concat(formats, ",")))
              crun.killall { sender }
            end)
          end
        end
      end
    end)
  end

  with_pair("without format is a line", function(client, server)
    client:write("a\nb\nc\n")
    assert.equal("a", server:read())
    assert.equal("b", server:read(nil))
    assert.equal("c", server:read(nil, 1))
  end)

  with_pair("finds what is split over many pieces", function(client, server)
    local pieces = { "he", "llo\nwo", "rld", "\n12", "34 ", "rest", " of it" }
    local sender = net.send_slowly(client, pieces)
    assert.equal("hello", server:read("l"))
    assert.equal("world\n", server:read("L"))
    assert.equal(1234, server:read("n"))
    assert.equal(" r", server:read(2))
    assert.equal("est of it", server:read("a"))
    sender:join()
  end)

  with_pair("keeps what it cannot return yet when the time is up", function(client, server)
    client:write("first\nsec")
    local first, second, message, code = server:read("l", "l", 0.5)
    assert.equal("first", first)
    fails("ETIMEDOUT", second, message, code)
    fails("ETIMEDOUT", server:read(10, 0.5))
    client:write("ond\n99")
    assert.equal("second", server:read("l", 5))
    fails("ETIMEDOUT", server:read("n", 0.5))
    client:write("9 ")
    assert.equal(999, server:read("n"))
  end)

  with_pair("keeps what it cannot return yet when it is cancelled", function(client, server)
    local reader = crun.spawn(server.read, server, "l")
    client:write("half ")
    crun.sleep(0.01)
    reader:cancel()
    reader:join()
    client:write("line\n")
    assert.equal("half line", server:read("l"))
  end)

  with_pair("takes a lone number as a count, a last one as the timeout", function(client, server)
    client:write("abcdef\n")
    assert.equal("ab", server:read(2))
    assert.equal("cd", server:read(2, 1))
    assert.same({ "e", "f\n" }, { server:read(1, 2, nil) })
    fails("ETIMEDOUT", server:read("l", 0))
  end)

  with_pair("of many bytes gets them in one piece", function(client, server)
    local block = ("0123456789abcdef"):rep(1 << 16)
    local writer = crun.spawn(client.write, client, block, block, "tail")
    assert.equal(block, server:read(#block))
    assert.equal(block .. "tail", server:read(#block + 4))
    writer:get()
  end)

  with_pair("of a line that does not end stops at a limit", function(client, server)
    local chunk = ("x"):rep(1 << 20)
    local writer = crun.spawn(function()
      for _ = 1, 80 do
        if not client:write(chunk) then return end
      end
    end)
    fails("EMSGSIZE", server:read("l"))
    assert.equal("x", server:read(1))
    writer:cancel()
  end)
end)

describe("lines", function()
  with_pair("ends at the end of the stream", function(client, server)
    local sender = net.send_slowly(client, { "a\nb", "c\n", "\nlast" })
    local got = {}
    for line in server:lines() do got[#got + 1] = line end
    assert.same({ "a", "bc", "", "last" }, got)
    sender:join()
  end)

  with_pair("takes formats", function(client, server)
    local sender = net.send_slowly(client, { "1 2\n3 4\n" })
    local got = {}
    for a, b in server:lines("n", "n") do got[#got + 1] = a .. "+" .. b end
    assert.same({ "1+2", "3+4" }, got)
    sender:join()
  end)

  with_pair("raises what read would return as a failure", function(client, server)
    client:write("a\nb")
    local got = {}
    local err = support.raised(function()
      for line in server:lines("l", 0.5) do got[#got + 1] = line end
    end)
    assert.same({ "a" }, got)
    assert.is_truthy(err:find("net_read_spec.lua:%d+: ETIMEDOUT: "), err)
    client:write("\n")
    assert.equal("b", server:read())
  end)
end)

describe("recv", function()
  with_pair("returns what is there, up to its maximum", function(client, server)
    client:write("abcdef")
    assert.equal("ab", server:recv(2))
    assert.equal("cdef", server:recv(100))
    client:shutdown()
    assert.is_nil(server:recv())
    assert.equal(1, select("#", server:recv()))
  end)

  with_pair("shares the bytes with read", function(client, server)
    client:write("line\nrest")
    assert.equal("line", server:read("l"))
    assert.equal("rest", server:recv())
  end)
end)

describe("write", function()
  with_pair("returns the stream and joins its strings", function(client, server)
    assert.equal(client, client:write("a", "", "b", "c\n"))
    assert.equal(client, client:write())
    assert.equal(client, client:write(""))
    assert.equal(client, client:write("d\n", 5))
    assert.equal(client, client:write("e\n", nil))
    client:shutdown()
    assert.equal("abc\nd\ne\n", server:read("a"))
  end)

  with_pair("keeps the order of small and large strings", function(client, server)
    local large = ("large "):rep(1 << 19)
    local reader = crun.spawn(server.read, server, "a")
    assert(client:write("<", large, ">", "<", large, ">"))
    client:shutdown()
    assert.equal(("<" .. large .. ">"):rep(2), reader:get())
  end)

  with_pair("lets other tasks run although it never has to wait", function(client, server)
    local drained = crun.spawn(function()
      while server:recv() do end
    end)
    local turns = 0
    local other = crun.spawn(function()
      while true do
        turns = turns + 1
        crun.sleep(0)
      end
    end)
    for _ = 1, 1000 do assert(client:write("x")) end
    assert.is_true(turns >= 5)
    other:cancel()
    client:shutdown()
    drained:join()
  end)
end)
