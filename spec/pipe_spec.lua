-- SPDX-License-Identifier: MIT

--- Pipe: two Connections, between tasks, threads and processes.
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"

local refuses, scaled = support.refuses, support.scaled

--- Two ends, and what closes both with the block.
local function pipe()
  local a, b = crun.Pipe()
  return a, b, setmetatable({}, { __close = function() a:close(); b:close() end })
end

describe("Pipe", function()
  it("carries any values, in both directions", function()
    local a, b, _ <close> = pipe()
    assert.is_true(a:send(1, nil, "x", nil))
    assert.is_true(a:send())
    assert.is_true(b:send({ list = { 1, 2 } }, function(x) return x + 1 end))
    assert.same({ 1, nil, "x", nil, n = 4 }, table.pack(b:recv()))
    assert.same({ n = 0 }, table.pack(b:recv()))
    local list, inc = a:recv()
    assert.same({ list = { 1, 2 } }, list)
    assert.equal(3, inc(2))
    assert.equal("crun.Connection: 0 bytes under way", tostring(a))
  end)

  it("waits for a message, and for one no longer than told", function()
    local a, b, _ <close> = pipe()
    local receiver = crun.spawn(b.recv, b)
    crun.yield()
    a:send("it")
    assert.equal("it", receiver:get())
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { b:recv(0) })
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { b:recv(0.001) })
    assert.is_false(b:poll(0))
    assert.is_false(b:poll(0.001))
    a:send("again")
    assert.is_true(b:poll())
    assert.equal("again", b:recv())
    local waiting = crun.spawn(b.recv, b)
    crun.yield()
    waiting:cancel()
    assert.equal("ETIMEDOUT", (select(3, b:recv(0))))
    waiting:join()
    assert.is_true(waiting:cancelled())
  end)

  it("tells the end once everything has come", function()
    local a, b, _ <close> = pipe()
    a:send(1)
    a:send(2)
    a:close()
    a:close()
    assert.equal(1, b:recv())
    assert.is_true(b:poll(0))
    assert.equal(2, b:recv())
    assert.is_true(b:poll())
    local over = { nil, "ECLOSED: the other end is closed", "ECLOSED" }
    assert.same(over, { b:recv() })
    assert.same(over, { b:recv() })
    assert.same(over, { b:send(1) })
    assert.same({ nil, "ECLOSED: closed", "ECLOSED" }, { a:send(1) })
    assert.same({ nil, "ECLOSED: closed", "ECLOSED" }, { a:recv() })
    assert.same({ true, "the other end is closed" }, { b:closed() })
    assert.equal("crun.Connection: closed", tostring(a))
  end)

  it("is iterated until the end", function()
    local a, b, _ <close> = pipe()
    crun.spawn(function()
      for i = 1, 3 do a:send(i, i * i) end
      a:close()
    end)
    local seen = {}
    for i, square in b:iter() do seen[i] = square end
    assert.same({ 1, 4, 9 }, seen)
    local c, d, _ <close> = pipe()
    c:send(nil)
    refuses({ "a message that starts with nil ends a for loop" }, function() d:iter()(d) end)
  end)

  it("raises what cannot be sent, and what cannot be made", function()
    local a, b, _ <close> = pipe()
    refuses({ "args[1].co: thread cannot be sent" }, function()
      a:send({ co = coroutine.create(print) })
    end)
    package.loaded["pipe_spec.gone"] = { fn = function() end }
    a:send(package.loaded["pipe_spec.gone"].fn)
    a:send("next")
    a:flush()
    package.loaded["pipe_spec.gone"] = nil
    assert.matches("module 'pipe_spec.gone' not found", support.raised(b.recv, b))
    assert.equal("next", b:recv())
  end)

  it("is closed by its block, and when it is collected", function()
    local a, b, _ <close> = pipe()
    do
      local inner <close> = b -- luacheck: ignore inner
    end
    assert.equal("ECLOSED", (select(3, a:recv())))
    local c = crun.Pipe()
    collectgarbage()
    collectgarbage()
    assert.equal("ECLOSED", (select(3, c:recv())))
    c:close()
  end)

  it("shares one end among tasks: each message comes once", function()
    local a, b, _ <close> = pipe()
    local seen, tasks = {}, {}
    for i = 1, 10 do
      tasks[i] = crun.spawn(function()
        for n in b:iter() do seen[#seen + 1] = n end
      end)
    end
    for n = 1, 100 do
      a:send(n)
      if n % 7 == 0 then crun.sleep(1e-5) end
    end
    a:close()
    crun.joinall(tasks)
    table.sort(seen)
    for n = 1, 100 do assert.equal(n, seen[n]) end
    assert.equal(100, #seen)
  end)

  it("is waited for beside other things", function()
    local a, b, _ <close> = pipe()
    local c, d, _ <close> = pipe()
    local queue = crun.Queue()
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" },
      { crun.select { { b }, { d, "poll" }, timeout = 0.001 } })
    a:send("there")
    a:flush()
    assert.same({ 2, true }, { crun.select { { queue, "get" }, { b } } })
    assert.equal("there", b:recv(0))
    local waiting = crun.spawn(crun.select, { { queue, "get" }, { b }, { d } })
    crun.yield()
    c:send(1)
    assert.same({ 3, true }, { waiting:get() })
    waiting = crun.spawn(crun.select, { { queue, "get" }, { b } })
    crun.yield()
    queue:put("item")
    assert.same({ 1, "item" }, { waiting:get() })
    waiting = crun.spawn(crun.select, { { b }, { queue, "get" } })
    crun.yield()
    a:close()
    assert.same({ 1, true }, { waiting:get() })
    assert.equal("ECLOSED", (select(3, b:recv())))
    refuses({ "a Connection is for 'poll', not for 'recv'" }, function()
      crun.select { { d, "recv" } }
    end)
  end)

  it("joins a thread to this one", function()
    local a, b, _ <close> = pipe()
    local thread = crun.Thread {
      target = function(connection)
        local sum = 0
        for n in connection:iter() do
          sum = sum + n
          connection:send(sum)
        end
        connection:close()
      end,
      args = { b },
    }
    thread:start()
    b:close()
    for n = 1, 100 do a:send(n) end
    local last
    for _ = 1, 100 do last = a:recv() end
    assert.equal(5050, last)
    a:close()
    thread:join()
  end)

  it("joins two processes", function()
    local a, b, _ <close> = pipe()
    local function work(connection, name)
      local request = connection:recv()
      connection:send(name .. " got " .. request)
      connection:flush()
    end
    local one = crun.Process { target = work, args = { a, "one" } }
    local two = crun.Process {
      target = function(connection)
        connection:send("a request")
        return connection:recv()
      end,
      args = { b },
    }
    one:start()
    two:start()
    a:close()
    b:close()
    assert.equal("one got a request", two:get())
    one:join()
  end)

  it("sees the death of a process at the other end", function()
    local a, b, _ <close> = pipe()
    local worker = crun.Process {
      target = function(connection)
        connection:send("ready")
        connection:flush()
        crun.sleep(100)
      end,
      args = { b },
    }
    worker:start()
    b:close()
    assert.equal("ready", a:recv())
    worker:kill()
    assert.equal("ECLOSED", (select(3, a:recv())))
    worker:join()
  end)

  it("carries 100 MB with one copy more at the receiver, none at the sender #nosan", function()
    local size = scaled(100, 100) * 1000000
    local result = process.run(([[
      local crun = require "crun"
      local function peak()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "^VmHWM:%%s*(%%d+)"
          if kb then return tonumber(kb) / 1000 end
        end
      end
      local a, b = crun.Pipe()
      local worker = crun.Process {
        target = function(connection)
          local text = connection:recv()
          return #text, peak()
        end,
        args = { b },
      }
      local text = ("x"):rep(%d)
      worker:start()
      collectgarbage()
      local file = assert(io.open("/proc/self/clear_refs", "w"))
      file:write("5") -- the peak begins anew
      file:close()
      b:close()
      a:send(text)
      local there, used = worker:get()
      print(there == #text, peak() < 130, used < 235)
      if used >= 235 or peak() >= 130 then print(peak(), used) end
    ]]):format(size))
    assert.equal("", result.err)
    assert.equal("true\ttrue\ttrue\n", result.out)
  end)

  it("may be had by hundreds", function()
    local count = scaled(400, 20)
    local ends, tasks = {}, {}
    for i = 1, count do
      local a, b = crun.Pipe()
      ends[i] = a
      tasks[i] = crun.spawn(function()
        for n in b:iter() do b:send(n + i) end
        b:close()
      end)
    end
    for round = 1, 3 do
      for _, a in ipairs(ends) do a:send(round) end
      for i, a in ipairs(ends) do assert.equal(round + i, a:recv()) end
    end
    for _, a in ipairs(ends) do a:close() end
    crun.joinall(tasks)
  end)
end)
