-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function receiver(channel, log)
  return crun.spawn(function() log(channel:recv()) end)
end

local function sender(channel, value, log)
  return crun.spawn(function()
    channel:send(value)
    if log then log("sent" .. tostring(value)) end
  end)
end

describe("laws of channels:", function()
  it("law 81: a try with nobody on the other side answers at once, without a switch", function()
    for _, capacity in ipairs { 0, 2 } do
      local ran = false
      local other = crun.spawn(function() ran = true end)
      local channel = crun.Channel(capacity)
      for i = 1, capacity do assert.is_true(channel:send(i, 0)) end
      assert.equal("ETIMEDOUT", select(3, channel:send("more", 0)))
      assert.equal("EAGAIN", select(3, channel:send_nowait("more")))
      for i = 1, capacity do assert.equal(i, channel:recv(-1)) end
      assert.equal("ETIMEDOUT", select(3, channel:recv(0)))
      assert.equal("EAGAIN", select(3, channel:recv_nowait()))
      assert.is_false(ran)
      other:join()
    end
  end)

  both("law 81: a try with somebody on the other side does not switch either", function()
    local channel, log = crun.Channel(), support.log()
    local one, two = receiver(channel, log), receiver(channel, log)
    crun.yield()
    assert.is_true(channel:send_nowait("a"))
    assert.is_true(channel:send("b", 0))
    assert.equal("", log:text())
    crun.joinall { one, two }
    assert.equal("a b", log:text())
    one = sender(channel, "c", log)
    crun.yield()
    assert.equal("c", channel:recv_nowait())
    assert.equal("a b", log:text())
    one:join()
  end)

  both("law 82: a channel of 2 takes two at once and holds the third", function()
    local channel, log = crun.Channel(2), support.log()
    local senders = {}
    for i = 1, 4 do senders[i] = sender(channel, i, log) end
    support.settle()
    assert.equal("sent1 sent2", log:text())
    assert.equal(1, channel:recv())
    support.settle()
    assert.equal("sent1 sent2 sent3", log:text())
    assert.same({ 2, 3, 4 }, { channel:recv(), channel:recv(), channel:recv() })
    crun.joinall(senders)
  end)

  both("law 83: those who wait are served in the order they came, on both sides", function()
    local channel, log = crun.Channel(), support.log()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = crun.spawn(function() log(i .. "=" .. channel:recv()) end)
    end
    crun.yield()
    for i = 1, 3 do channel:send("v" .. i) end
    for i = 4, 6 do tasks[i] = sender(channel, i) end
    crun.yield()
    for i = 4, 6 do assert.equal(i, channel:recv()) end
    crun.joinall(tasks)
    assert.equal("1=v1 2=v2 3=v3", log:text())
  end)

  both("law 84: a receiver that was killed takes nothing along", function()
    local channel, log = crun.Channel(), support.log()
    local first, second = receiver(channel, log), receiver(channel, log)
    crun.yield()
    first:cancel()
    channel:send("value")
    crun.joinall { first, second }
    assert.equal("value", log:text())
    assert.is_true(first:cancelled())
  end)

  both("law 85: a killed sender leaves nothing and costs the next one no turn", function()
    local channel = crun.Channel()
    local senders = { sender(channel, 1), sender(channel, 2) }
    crun.yield()
    senders[1]:cancel()
    assert.equal(2, channel:recv())
    assert.equal("ETIMEDOUT", select(3, channel:recv(1)))
    crun.joinall(senders)
    assert.is_true(senders[1]:cancelled())
  end)

  both("law 86: what is sent while somebody waits is theirs", function()
    local channel, log = crun.Channel(), support.log()
    local waiting = receiver(channel, log)
    crun.yield()
    channel:send_nowait("theirs")
    assert.equal("EAGAIN", select(3, channel:recv_nowait()))
    waiting:join()
    assert.equal("theirs", log:text())
  end)

  both("law 87: a send returns once the value was received", function()
    local channel, log = crun.Channel(), support.log()
    local other = crun.spawn(function()
      for _ = 1, 2 do
        local value = channel:recv()
        log(value)
      end
    end)
    log("sending")
    channel:send("hello")
    log("sent hello")
    channel:send("world")
    log("sent world")
    other:join()
    assert.equal("sending hello sent hello world sent world", log:text())
  end)

  both("law 87: the same where the receiver waits first", function()
    local channel, log = crun.Channel(), support.log()
    local waiting = receiver(channel, log)
    crun.yield()
    channel:send("hello")
    log("sent")
    waiting:join()
    assert.equal("hello sent", log:text())
  end)

  both("law 87: a sender that is cancelled after its value was received has sent it", function()
    local channel = crun.Channel()
    local sent, after
    local waiting = crun.spawn(function() return channel:recv() end)
    crun.yield()
    local task = crun.spawn(function()
      sent = channel:send("value")
      after = pcall(crun.sleep, 1)
    end)
    local other = crun.spawn(function() task:cancel() end)
    crun.joinall { task, waiting, other }
    assert.equal("value", waiting:get())
    assert.is_true(sent)
    assert.is_false(after)
  end)

  both("law 88: without capacity nothing is ever inside; those who wait never count", function()
    for _, channel in ipairs { crun.Channel(), crun.Channel(nil), crun.Channel(0) } do
      assert.equal(0, channel:capacity())
      local task = sender(channel, 1)
      crun.yield()
      assert.equal(0, #channel)
      channel:recv()
      task:join()
    end
    local channel = crun.Channel(2)
    local senders = {}
    for i = 1, 5 do senders[i] = sender(channel, i) end
    crun.yield()
    assert.same({ 2, 2 }, { #channel, channel:capacity() })
    crun.killall(senders)
  end)

  both("law 90: after close sends fail; what is inside comes out, then receives fail", function()
    local channel = crun.Channel(2)
    channel:send(1)
    channel:send(2)
    assert.is_false(channel:closed())
    channel:close()
    channel:close()
    assert.is_true(channel:closed())
    local failed = table.pack(channel:send(3))
    assert.same({ 1, 2 }, { channel:recv(), channel:recv_nowait() })
    assert.same(failed, table.pack(channel:recv()))
    assert.same(failed, table.pack(channel:recv(0)))
    assert.same(failed, table.pack(channel:recv_nowait()))
    assert.same(failed, table.pack(channel:send_nowait(3)))
    assert.same({ 3, nil, "ECLOSED" }, { failed.n, failed[1], failed[3] })
    assert.matches("^ECLOSED: ", failed[2])
  end)

  both("law 90: closing wakes those who wait with the same failure on both sides", function()
    local sending, receiving = crun.Channel(), crun.Channel()
    local send = crun.spawn(function() return table.pack(sending:send(1)) end)
    local recv = crun.spawn(function() return table.pack(receiving:recv(10)) end)
    crun.yield()
    sending:close()
    receiving:close()
    assert.equal("ECLOSED", send:get()[3])
    assert.same(send:get(), recv:get())
    assert.equal("ECLOSED", select(3, sending:recv()))
  end)

  both("law 90: iteration ends at close, after what is inside", function()
    for _, capacity in ipairs { 0, 1, math.huge } do
      local channel, log = crun.Channel(capacity), support.log()
      local reader = crun.spawn(function()
        for value in channel:iter() do log(value) end
        log("end")
      end)
      for i = 1, 3 do channel:send(i) end
      channel:close()
      reader:join()
      assert.equal("1 2 3 end", log:text())
    end
  end)

  both("law 91: nil, false and tables come out as the same values", function()
    local key = {}
    for _, capacity in ipairs { 0, 3 } do
      local channel = crun.Channel(capacity)
      local task = crun.spawn(function()
        channel:send(nil)
        channel:send(false)
        channel:send(key)
      end)
      assert.same({ n = 1 }, table.pack(channel:recv()))
      assert.same({ false, n = 1 }, table.pack(channel:recv()))
      assert.equal(key, (channel:recv()))
      assert.equal(3, select("#", channel:recv(0)))
      task:join()
    end
  end)
end)

describe("Channel:", function()
  it("tostring shows what is inside and who waits", function()
    local channel = crun.Channel()
    assert.equal("crun.Channel: rendezvous, 0 sending, 0 receiving", tostring(channel))
    local tasks = { sender(channel, 1), sender(channel, 2) }
    crun.yield()
    assert.equal("crun.Channel: rendezvous, 2 sending, 0 receiving", tostring(channel))
    crun.killall(tasks)
    channel:close()
    assert.equal("crun.Channel: rendezvous, 0 sending, 0 receiving, closed", tostring(channel))
    channel = crun.Channel(3)
    channel:send(1)
    assert.equal("crun.Channel: 1/3 values, 0 sending, 0 receiving", tostring(channel))
    assert.matches("^crun.Channel: 0 values", tostring(crun.Channel(math.huge)))
  end)

  it("capacity is what was given", function()
    assert.equal(3, crun.Channel(3):capacity())
    assert.equal(math.huge, crun.Channel(math.huge):capacity())
    for _, capacity in ipairs { -1, 1.5, "x", {}, 0 / 0, false } do
      support.refuses({ "bad argument #1", "Channel", tostring(capacity) },
        function() crun.Channel(capacity) end)
    end
  end)

  it("methods refuse a wrong self, a Queue too", function()
    local channel = crun.Channel(1)
    for _, name in ipairs { "send", "recv", "send_nowait", "capacity" } do
      local method = channel[name]
      support.refuses({ "crun.Channel" }, function() method({}) end)
      support.refuses({ "crun.Channel" }, function() method() end)
      support.refuses({ "crun.Channel", "crun.Queue" }, function() method(crun.Queue()) end)
    end
    for _, name in ipairs { "recv_nowait", "iter", "close", "closed" } do
      local method = channel[name]
      support.refuses({ "crun.Channel" }, function() method({}) end)
      support.refuses({ "crun.Channel" }, function() method() end)
    end
    assert.is_nil(channel.put)
  end)

  it("refuses timeouts that are none, naming the argument", function()
    local channel = crun.Channel(1)
    for _, value in ipairs { "x", {}, 0 / 0, false } do
      support.refuses({ "bad argument #1 to 'recv'" }, function() channel:recv(value) end)
      support.refuses({ "bad argument #2 to 'send'" }, function() channel:send(1, value) end)
    end
    assert.equal(0, #channel)
  end)

  both("a scope closes it", function()
    local kept
    do
      local channel <close> = crun.Channel()
      kept = channel
    end
    assert.is_true(kept:closed())
  end)

  both("a discarding close drops what is inside", function()
    local channel = crun.Channel(3)
    for i = 1, 3 do channel:send({ i }) end
    channel:close(true)
    assert.equal(0, #channel)
    assert.equal("ECLOSED", select(3, channel:recv()))
  end)

  both("iter raises at a nil, which would look like the end, and it can be received", function()
    for _, capacity in ipairs { 0, 2 } do
      local channel = crun.Channel(capacity)
      local task = sender(channel, nil)
      assert.matches("nil item", support.raised(function()
        for _ in channel:iter() do error("no turn of the loop") end
      end))
      assert.same({ n = 1 }, table.pack(channel:recv(0)))
      task:join()
    end
  end)

  both("many senders and receivers lose and double nothing", function()
    local channel, seen, tasks = crun.Channel(), {}, {}
    local each = support.scaled(50, 5)
    for i = 1, 5 do
      tasks[#tasks + 1] = crun.spawn(function()
        for n = 1, each do
          channel:send((i - 1) * each + n)
          if n % 7 == i then crun.yield() end
        end
      end)
      tasks[#tasks + 1] = crun.spawn(function()
        for n = 1, each do
          local value = channel:recv()
          seen[#seen + 1] = value
          if n % 11 == i then crun.sleep(0.1) end
        end
      end)
    end
    crun.joinall(tasks)
    table.sort(seen)
    assert.equal(5 * each, #seen)
    for i = 1, 5 * each do assert.equal(i, seen[i]) end
  end)

  it("those who wait say on what", function()
    local meeting, buffered = crun.Channel(), crun.Channel(2)
    local task = crun.spawn(function() buffered:recv() end)
    local err = tostring(support.raised(meeting.send, meeting, 1))
    assert.matches("main waits: Channel:send %(rendezvous%)", err)
    assert.matches("Channel:recv %(0 of 2 items%)", err)
    buffered:close()
    task:join()
  end)
end)
