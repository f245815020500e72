-- SPDX-License-Identifier: MIT

-- Many connections, much data, few descriptors.
local core = require "crun.core"
local crun = require "crun"
local net = require "spec.support.net"
local process = require "spec.support.process"
local random = require "spec.support.random"
local support = require "spec.support"

local MEBIBYTE = 1 << 20

-- Byte i of the pattern depends on i and on its block, so that losing, doubling or swapping any
-- part shows.
local function block_of(number)
  return ("%08x"):format(number):rep(MEBIBYTE // 8)
end

describe("many connections", function()
  it("each get their own bytes back #slow", function()
    local count, rounds = support.scaled(1000), 5
    local ready = crun.Queue()
    local server = crun.spawn(crun.net.serve, "127.0.0.1", 0, function(stream)
      for data in function() return stream:recv() end do assert(stream:write(data)) end
    end, { on_listen = function(listener) ready:put(select(2, listener:sockname())) end })
    local port, right = ready:get(), 0
    local clients = {}
    for i = 1, count do
      clients[i] = crun.spawn(function()
        local stream <close> = assert(crun.net.connect("127.0.0.1", port))
        for round = 1, rounds do
          local message = ("client %d round %d\n"):format(i, round)
          assert(stream:write(message))
          if stream:read("L") == message then right = right + 1 end
        end
      end)
    end
    crun.joinall(clients, { raise = true })
    assert.equal(count * rounds, right)
    server:cancel()
    server:join()
    while #crun.tasks() > 1 do crun.sleep(0.001) end
  end)

  it("opened and dropped by the thousand leave nothing #slow", function()
    local listener <close>, port = net.listener()
    for i = 1, support.scaled(2000) do
      local client = assert(crun.net.connect("127.0.0.1", port))
      local server = assert(listener:accept())
      if i % 2 == 0 then
        client:close()
        server:close()
      end
      if i % 100 == 0 then collectgarbage() end
    end
    collectgarbage()
    collectgarbage()
  end)
end)

describe("much data", function()
  for _, how in ipairs { "one write", "many writes" } do
    it("arrives whole, at a reader that pauses, by " .. how .. " #slow", function()
      net.with_pair(function(client, server)
        local blocks = support.scaled(100)
        local writer = crun.spawn(function()
          local list = {}
          for i = 1, blocks do list[i] = block_of(i) end
          if how == "one write" then
            assert(client:write(table.concat(list)))
          else
            for i = 1, blocks do assert(client:write(list[i])) end
          end
          assert(client:shutdown())
        end)
        for i = 1, blocks do
          if i % 16 == 0 then crun.sleep(0.002) end
          assert.is_true(server:read(MEBIBYTE) == block_of(i), "block " .. i)
        end
        assert.is_nil(server:recv())
        writer:get()
      end)
    end)
  end

  it("waits in the system, not in memory, for a reader that does not come #slow", function()
    net.with_pair(function(client, server)
      local writer = crun.spawn(function()
        local chunk = block_of(1)
        while client:write(chunk) do end
      end)
      crun.sleep(0.05)
      assert.equal("waiting", writer:status())
      -- What the reading side holds is bounded, too: it has been asked for one byte only.
      assert.equal("0", server:recv(1))
      local before = collectgarbage("count")
      crun.sleep(0.05)
      assert.equal("waiting", writer:status())
      assert.is_true(collectgarbage("count") - before < 1024)
      writer:cancel()
      writer:join()
    end)
  end)

  it("goes both ways at once #slow", function()
    net.with_pair(function(client, server)
      local size = support.scaled(32) * MEBIBYTE
      local data = ("both ways"):rep(size // 9)
      local tasks = {}
      for i, stream in ipairs { client, server } do
        tasks[i] = crun.spawn(function()
          assert(stream:write(data))
          assert(stream:shutdown())
        end)
        tasks[i + 2] = crun.spawn(function() return stream:read("a") == data end)
      end
      local _, _, first, second = crun.gather(table.unpack(tasks))
      assert.is_true(first and second)
    end)
  end)
end)

describe("readers that give up at any moment", function()
  -- Numbered lines in pieces of any size; readers time out, are cancelled and come again, and use
  -- any format. Whatever happens to them, no byte may be lost, doubled or moved.
  local function exchange(seed)
    local any = random.new(seed)
    local lines, text = support.scaled(3000), {}
    for i = 1, lines do text[i] = ("%d:%s\n"):format(i, ("x"):rep(any(61) - 1)) end
    text = table.concat(text)
    local client, second = net.pair()
    local server <close> = second
    local writer = crun.spawn(function()
      local from = 1
      while from <= #text do
        local size = any(any(2) == 1 and 20 or 5000)
        assert(client:write(text:sub(from, from + size - 1)))
        from = from + size
        if any(4) == 1 then crun.sleep(0) end
      end
      client:close()
    end)
    local got, done = {}, false
    local function once()
      local kind, timeout = any(4), (any(4) - 1) / 10000
      local data, _, code
      if kind == 1 then
        data, _, code = server:recv(any(100), timeout)
      elseif kind == 2 then
        data, _, code = server:read("L", timeout)
      elseif kind == 3 then
        data, _, code = server:read(any(100), timeout)
      else
        data = server:recv()
      end
      if data then got[#got + 1] = data end
      done = not data and not code
    end
    while not done do
      local reader = crun.spawn(once)
      if any(3) == 1 then
        crun.sleep(0)
        reader:cancel()
      end
      reader:join()
    end
    writer:get()
    assert.is_true(table.concat(got) == text, "seed " .. seed)
  end

  for seed = 1, 6 do
    it(("lose nothing, seed %d #slow"):format(seed), function()
      core.stack_budget(seed % 2 == 0 and 0 or 1024)
      exchange(seed)
    end)
  end
end)

describe("few descriptors", function()
  it("make a server wait until one is free, and no client is lost #slow #nosan", function()
    local result = process.run([[
      local crun = require "crun"
      local ready, CLIENTS = crun.Queue(), 60
      local server = crun.spawn(crun.net.serve, "127.0.0.1", 0, function(stream)
        local line = stream:read("l")
        crun.sleep(0.005)
        stream:write(line, "\n")
      end, { on_listen = function(listener) ready:put(select(2, listener:sockname())) end })
      local port = ready:get()
      local served, waiting = 0, crun.Queue()
      for i = 1, CLIENTS do waiting:put(i) end
      local clients = {}
      for w = 1, 20 do
        clients[w] = crun.spawn(function()
          while not waiting:empty() do
            local id = waiting:get()
            local stream, message, code = crun.net.connect("127.0.0.1", port)
            if stream then
              stream:write(tostring(id), "\n")
              if stream:read("l") == tostring(id) then served = served + 1 end
              stream:close()
            else
              assert(code == "EMFILE", message)
              waiting:put(id)
              crun.sleep(0.01)
            end
          end
        end)
      end
      crun.joinall(clients, { raise = true })
      server:cancel()
      server:join()
      print(served)
    ]], { limit = "-n 40" })
    assert.equal("60\n", result.out)
    local _, reports = result.err:gsub("EMFILE", "")
    assert.equal(1, reports, result.err)
    assert.equal(0, result.status)
  end)

  it("are an EMFILE of listen, connect and accept otherwise #slow #nosan", function()
    local result = process.run([[
      local crun = require "crun"
      local listener = assert(crun.net.listen("127.0.0.1", 0))
      local _, port = listener:sockname()
      local held, code = {}
      repeat
        held[#held + 1], _, code = crun.net.connect("127.0.0.1", port)
      until code
      print(code, select(3, crun.net.listen("127.0.0.1", 0)), select(3, listener:accept(0)))
      held[1]:close()
      print((listener:accept()))
    ]], { limit = "-n 40" })
    assert.equal("EMFILE\tEMFILE\tEMFILE\n", result.out:match("^[^\n]*\n"))
    assert.is_truthy(result.out:find("crun.Stream: "), result.out .. result.err)
  end)
end)
