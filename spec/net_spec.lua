-- SPDX-License-Identifier: MIT

-- Opening, accepting, serving and closing TCP connections; what ends a wait; misuse.
local crun = require "crun"
local net = require "spec.support.net"
local support = require "spec.support"

local PLENTY = ("x"):rep(32 << 20) -- more than the system buffers for one connection

local function it(title, body)
  support.both(title, body)
end

local function with_pair(title, body)
  it(title, function() net.with_pair(body) end)
end

local function fails(code, ok, message, got)
  assert.is_nil(ok)
  assert.equal(code, got)
  assert.equal(code .. ": ", message:sub(1, #code + 2))
end

describe("connecting", function()
  it("gives streams that know both ends", function()
    local listener <close>, port = net.listener()
    local client <close> = assert(crun.net.connect("127.0.0.1", port))
    local server <close> = assert(listener:accept())
    local host, peer = client:peername()
    assert.equal("127.0.0.1", host)
    assert.equal(port, peer)
    assert.same({ client:sockname() }, { server:peername() })
    assert.same({ client:peername() }, { server:sockname() })
  end)

  it("to a port where nobody listens is ECONNREFUSED", function()
    local listener, port = net.listener()
    listener:close()
    fails("ECONNREFUSED", crun.net.connect("127.0.0.1", port))
    fails("ECONNREFUSED", crun.net.connect("localhost", port))
  end)

  it("takes host names", function()
    local listener <close>, port = net.listener(nil, "localhost")
    local client <close> = assert(crun.net.connect("localhost", port))
    local server <close> = assert(listener:accept())
    client:write("by name\n")
    assert.equal("by name", server:read())
  end)

  it("to a name that does not exist is an EAI code", function()
    local _, message, code = crun.net.connect("no-such-host.invalid", 80)
    assert.equal("EAI_", code:sub(1, 4))
    assert.equal(code, message:match("^[%u_]+"))
  end)

  it("goes through IPv6, and one listener on * takes both families", function()
    local listener <close> = crun.net.listen("::1", 0)
    if not listener then return end -- no IPv6 here
    local host, port = listener:sockname()
    assert.equal("::1", host)
    local client <close> = assert(crun.net.connect("::1", port))
    assert.equal("::1", (client:peername()))
    local any <close> = assert(crun.net.listen("*", 0))
    local _, any_port = any:sockname()
    for _, address in ipairs { "127.0.0.1", "::1" } do
      local caller <close> = assert(crun.net.connect(address, any_port))
      local called <close> = assert(any:accept())
      assert.equal(select(2, caller:sockname()), select(2, called:peername()))
    end
  end)

  it("with ipv6only refuses IPv4", function()
    local listener = crun.net.listen("::", 0, { ipv6only = true })
    if not listener then return end -- no IPv6 here
    local open <close> = listener
    local _, port = open:sockname()
    fails("ECONNREFUSED", crun.net.connect("127.0.0.1", port))
  end)

  it("times out and is cancelled when nobody accepts and the backlog is full", function()
    local _ <close>, port = net.listener { backlog = 1 }
    local held, tasks = {}, {}
    for i = 1, 6 do
      tasks[i] = crun.spawn(function()
        held[i] = crun.net.connect("127.0.0.1", port, { timeout = 60 })
      end)
    end
    crun.yield()
    fails("ETIMEDOUT", crun.net.connect("127.0.0.1", port, { timeout = 0.05 }))
    crun.killall(tasks)
    local cancelled = 0
    for _, task in ipairs(tasks) do cancelled = cancelled + (task:cancelled() and 1 or 0) end
    assert.is_true(cancelled > 0)
    for _, stream in pairs(held) do stream:close() end
  end)

  it("with timeout 0 is ETIMEDOUT, and leaves no descriptor", function()
    local listener <close>, port = net.listener()
    for _, host in ipairs { "127.0.0.1", "localhost" } do
      fails("ETIMEDOUT", crun.net.connect(host, port, { timeout = 0 }))
    end
    assert.is_false(listener:closed())
  end)

  it("raises in a task that is cancelled while a name is looked up", function()
    local task = crun.spawn(crun.net.connect, "localhost", 1)
    crun.yield()
    task:cancel("enough")
    task:join()
    assert.equal("enough", task:exception().reason)
  end)
end)

describe("listening", function()
  it("twice on one port is EADDRINUSE, unless both want it", function()
    local listener <close>, port = net.listener()
    fails("EADDRINUSE", crun.net.listen("127.0.0.1", port))
    local first <close>, shared = net.listener { reuseport = true }
    local second <close> = assert(crun.net.listen("127.0.0.1", shared, { reuseport = true }))
    assert.is_truthy(listener and first and second)
  end)

  it("on an address of another machine is EADDRNOTAVAIL", function()
    fails("EADDRNOTAVAIL", crun.net.listen("192.0.2.1", 0))
  end)

  it("serves tasks that wait to accept in turn", function()
    local listener <close>, port = net.listener()
    local log, tasks = support.log(), {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function()
        local stream <close> = assert(listener:accept())
        log(i .. stream:read())
      end)
    end
    crun.yield()
    for _, word in ipairs { "a", "b", "c" } do
      local client <close> = assert(crun.net.connect("127.0.0.1", port))
      client:write(word, "\n")
      client:read()
    end
    crun.joinall(tasks)
    assert.equal("1a 2b 3c", log:text())
  end)

  it("ends accept by timeout, cancel and close", function()
    local listener <close> = net.listener()
    fails("ETIMEDOUT", listener:accept(0))
    fails("ETIMEDOUT", listener:accept(0.5))
    local cancelled = crun.spawn(listener.accept, listener)
    local closed = crun.spawn(listener.accept, listener)
    crun.yield()
    cancelled:cancel()
    listener:close()
    assert.is_true(cancelled:join() and cancelled:cancelled())
    fails("ECLOSED", closed:get())
    fails("ECLOSED", listener:accept())
    fails("ECLOSED", listener:sockname())
    listener:close()
  end)

  it("accepts what came before, with timeout 0", function()
    local listener <close>, port = net.listener()
    local client <close> = assert(crun.net.connect("127.0.0.1", port))
    assert(listener:accept(0)):close()
    assert.is_nil(client:recv())
  end)
end)

describe("serving", function()
  it("runs the handler in a task of its own for each connection and closes the stream", function()
    local ready, seen = crun.Queue(), {}
    local server = crun.spawn(crun.net.serve, "127.0.0.1", 0, function(stream)
      seen[#seen + 1] = stream
      stream:write(stream:read("l"):upper(), "\n")
    end, { on_listen = function(listener) ready:put(select(2, listener:sockname())) end })
    local port = ready:get()
    local clients = {}
    for i = 1, 3 do clients[i] = assert(crun.net.connect("127.0.0.1", port)) end
    for i = 3, 1, -1 do
      clients[i]:write("line ", tostring(i), "\n")
      assert.equal("LINE " .. i, clients[i]:read("l"))
      assert.is_nil(clients[i]:read("l"))
      clients[i]:close()
    end
    for _, stream in ipairs(seen) do assert.is_true(stream:closed()) end
    server:cancel()
    assert.is_true(server:join())
  end)

  it("reports a handler that fails, closes its stream and goes on", function()
    local failures, ready = support.collect_failures(), crun.Queue()
    local server = crun.spawn(crun.net.serve, "127.0.0.1", 0, function() error("oops", 0) end,
      { on_listen = function(listener) ready:put(select(2, listener:sockname())) end })
    local port = ready:get()
    for _ = 1, 2 do
      local client <close> = assert(crun.net.connect("127.0.0.1", port))
      assert.is_nil(client:read())
    end
    server:cancel()
    server:join()
    assert.equal(2, #failures)
    assert.equal("oops", failures[1].err)
  end)

  it("holds at most max connections, and returns when its listener is closed", function()
    local ready, live, peak = crun.Queue(), 0, 0
    local server = crun.spawn(crun.net.serve, "127.0.0.1", 0, function(stream)
      live = live + 1
      peak = math.max(peak, live)
      stream:read("a")
      live = live - 1
    end, { max = 2, on_listen = function(listener) ready:put(listener) end })
    local listener = ready:get()
    local _, port = listener:sockname()
    local clients = {}
    for i = 1, 5 do
      clients[i] = crun.spawn(function()
        local client <close> = assert(crun.net.connect("127.0.0.1", port))
        crun.sleep(0.01)
        client:shutdown()
        client:read("a")
      end)
    end
    crun.joinall(clients)
    assert.equal(2, peak)
    listener:close()
    assert.is_true(server:get())
  end)
end)

describe("a wait", function()
  with_pair("ends by a timeout and takes nothing", function(client, server)
    fails("ETIMEDOUT", client:recv(nil, 0))
    fails("ETIMEDOUT", client:recv(10, 0.5))
    fails("ETIMEDOUT", client:read("l", 0.5))
    fails("ETIMEDOUT", client:read(10, 0.5))
    fails("ETIMEDOUT", client:read("a", 0.5))
    server:write("half")
    fails("ETIMEDOUT", client:read("l", 0.5))
    server:write(" and half\n")
    assert.equal("half and half", client:read("l", 5))
  end)

  with_pair("with timeout 0 takes what is there already", function(client, server)
    server:write("here")
    assert.equal("h", client:recv(1))
    assert.equal("ere", client:recv(nil, 0))
  end)

  with_pair("ends by a cancel, and the stream can still be used", function(client, server)
    local reader = crun.spawn(client.recv, client)
    local writer = crun.spawn(client.write, client, PLENTY)
    crun.yield()
    reader:cancel()
    writer:cancel()
    assert.is_true(reader:join() and reader:cancelled())
    assert.is_true(writer:join() and writer:cancelled())
    server:write("still here")
    assert.equal("still here", client:recv())
  end)

  with_pair("ends by an outer timeout", function(client)
    fails("ETIMEDOUT", crun.with_timeout(0.5, client.recv, client))
    fails("ETIMEDOUT", crun.with_timeout(0.5, client.write, client, PLENTY))
  end)

  with_pair("ends by close, on each side of the stream", function(client)
    local reader = crun.spawn(client.read, client, "a")
    local writer = crun.spawn(client.write, client, PLENTY)
    crun.yield()
    client:close()
    fails("ECLOSED", reader:get())
    fails("ECLOSED", writer:get())
  end)

  with_pair("of a writer ends by a timeout while nobody reads", function(client)
    fails("ETIMEDOUT", client:write(PLENTY, 0.5))
    fails("ETIMEDOUT", client:write("more", 0.5))
    fails("ETIMEDOUT", client:shutdown(0.5))
  end)

  with_pair("gets the bytes that came before a cancel in the same turn", function(client, server)
    local reader = crun.spawn(client.recv, client)
    crun.yield()
    server:write("in time")
    while reader:status() == "waiting" do crun.sleep(0.001) end
    reader:cancel()
    assert.equal("in time", reader:get())
  end)
end)

describe("the other side", function()
  with_pair("may end its writing and still be written to", function(client, server)
    client:write("question\n")
    assert.is_true(client:shutdown())
    assert.equal("question\n", server:read("a"))
    assert.is_nil(server:read("l"))
    assert.is_nil(server:recv())
    assert.equal("", server:read("a"))
    server:write("answer")
    server:close()
    assert.equal("answer", client:read("a"))
  end)

  with_pair("that is gone makes writes fail, and not the process", function(client, server)
    client:write("unread")
    server:close()
    local ok, message, code
    repeat ok, message, code = client:write("x") until not ok
    assert.is_truthy(({ EPIPE = true, ECONNRESET = true })[code], message)
  end)

  with_pair("that resets is an error after the bytes before it", function(client, server)
    server:write("partial line")
    assert.equal("p", client:recv(1))
    client:write("unread")
    server:close() -- with unread bytes, so the system sends a reset
    crun.sleep(0.01)
    fails("ECONNRESET", client:read("l"))
    fails("ECONNRESET", client:read("a"))
    fails("ECONNRESET", client:read(100))
    assert.equal("artial line", client:recv())
    fails("ECONNRESET", client:recv())
    fails("ECONNRESET", client:read("n"))
  end)
end)

describe("a closed stream", function()
  with_pair("refuses everything with ECLOSED", function(client)
    client:close()
    client:close()
    assert.is_true(client:closed())
    for _, call in ipairs {
      { "recv" }, { "read" }, { "read", "a" }, { "read", 5, 1 }, { "write", "x" }, { "shutdown" },
      { "peername" }, { "sockname" }, { "nodelay", true }, { "keepalive", 10 },
    } do
      fails("ECLOSED", client[call[1]](client, table.unpack(call, 2)))
    end
    assert.equal("crun.Stream: closed", tostring(client))
    local err = support.raised(client:lines())
    assert.is_truthy(err:find("ECLOSED: closed", 1, true))
  end)

  it("is what <close> and the collector leave behind", function()
    local client, server = net.pair()
    do
      local scoped <close> = client
      assert.is_false(scoped:closed())
    end
    assert.is_true(client:closed())
    assert.is_nil(server:recv())
    client, server = net.pair() -- luacheck: ignore 311
    client = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.is_nil(server:recv())
    server:close()
  end)
end)

describe("two tasks on one stream", function()
  with_pair("may read and write at the same time", function(client, server)
    local reader = crun.spawn(client.read, client, "l")
    crun.yield()
    assert.equal(client, client:write("out\n"))
    assert.equal("out", server:read())
    server:write("in\n")
    assert.equal("in", reader:get())
  end)

  with_pair("may not both read: the error names them", function(client)
    local first = crun.spawn(client.recv, client)
    first.name = "a"
    crun.yield()
    local second = crun.spawn(function() client:read("l") end)
    second.name = "b"
    second:join()
    local err = second:exception()
    local wanted = ("stream is already being read by task#%d 'a' (this is task#%d 'b')")
      :format(first.id, second.id)
    assert.is_truthy(err:find(wanted, 1, true), err)
    assert.is_truthy(err:find("net_spec.lua:%d+: "), err)
    first:cancel()
  end)

  with_pair("may not both write", function(client)
    local first = crun.spawn(client.write, client, PLENTY)
    crun.yield()
    for _, method in ipairs { "write", "shutdown" } do
      local err = support.raised(function()
        client[method](client, method == "write" and "x" or nil)
      end)
      local wanted = ("already being written by task#%d (this is "):format(first.id)
      assert.is_truthy(err:find(wanted, 1, true), err)
    end
    first:cancel()
  end)

  with_pair("a reader that has left does not count", function(client, server)
    local first = crun.spawn(client.recv, client)
    crun.yield()
    first:cancel()
    server:write("for the second")
    assert.equal("for the second", client:recv())
  end)
end)

-- A script can get hold of the coroutine of a task that is parked by yield. What the task has begun
-- must not refer to what the collector then takes.
describe("the coroutine of a waiting task, closed by somebody else", function()
  local function close_while(begin)
    support.collect_failures() -- it ends as failed
    local co
    local task = crun.spawn(function()
      co = coroutine.running()
      begin()
    end)
    crun.yield()
    if coroutine.status(co) == "suspended" then coroutine.close(co) else task:cancel() end
    collectgarbage()
    collectgarbage()
    return task
  end

  with_pair("does not take the bytes of a write along", function(client, server)
    local size = 8 << 20
    local task = close_while(function() client:write(("y"):rep(size)) end)
    local got = 0
    while got < size do
      local data = server:recv(nil, 0.5)
      if not data then break end
      assert.is_truthy(not data:find("[^y]"))
      got = got + #data
    end
    task:join(1)
  end)

  it("leaves nothing of a connection that is being made", function()
    local listener <close>, port = net.listener()
    local by_name = close_while(function() crun.net.connect("localhost", port) end)
    local by_number = close_while(function() crun.net.connect("127.0.0.1", port) end)
    by_name:join()
    by_number:join()
    local stream = listener:accept(0.5)
    if stream then stream:close() end
    collectgarbage()
    collectgarbage()
  end)
end)

describe("misuse", function()
  it("of arguments raises at the caller", function()
    local refuses = support.refuses
    refuses({ "#1", "string expected" }, function() crun.net.connect(80, 80) end)
    refuses({ "#1", "empty" }, function() crun.net.connect("", 80) end)
    refuses({ "#2", "port", "1 to 65535" }, function() crun.net.connect("localhost", 0) end)
    refuses({ "#2", "0 to 65535" }, function() crun.net.listen("localhost", 65536) end)
    refuses({ "#3", "'backlog'" }, function() crun.net.connect("::1", 1, { backlog = 1 }) end)
    refuses({ "#3", "'backlock'" }, function() crun.net.listen("::1", 0, { backlock = 1 }) end)
    local function connect(options) return crun.net.connect("::1", 1, options) end
    refuses({ "#3", "nodelay", "boolean" }, function() return (connect { nodelay = 1 }) end)
    refuses({ "#3", "timeout", "seconds" }, function() return (connect { timeout = 0/0 }) end)
    refuses({ "#3", "keepalive" }, function() return (connect { keepalive = true }) end)
    refuses({ "#3", "function expected" }, function() crun.net.serve("::1", 0) end)
    refuses({ "#4", "'max'" }, function() crun.net.serve("::1", 0, print, { max = 0 }) end)
    refuses({ "#4", "'serve'", "'backlock'" }, function()
      crun.net.serve("::1", 0, print, { backlock = 1 })
    end)
  end)

  with_pair("of methods raises at the caller", function(client)
    local refuses = support.refuses
    refuses({ "#1", "invalid format" }, function() client:read("x") end)
    refuses({ "#1", "bytes >= 0" }, function() client:read(-1) end)
    refuses({ "#2", "seconds" }, function() client:recv(1, "soon") end)
    refuses({ "#1", "bytes >= 1" }, function() client:recv(0) end)
    refuses({ "#1", "string expected" }, function() client:write(5) end)
    refuses({ "#2", "string expected" }, function() client:write("a", {}, "b") end)
    refuses({ "#1", "boolean" }, function() client:nodelay(1) end)
    refuses({ "#1", "seconds or false" }, function() client:keepalive(0) end)
    refuses({ "crun.Stream" }, function() client.recv({}) end)
    refuses({ "crun.Listener" }, function()
      local listener <close> = net.listener()
      listener.accept(client)
    end)
  end)
end)
