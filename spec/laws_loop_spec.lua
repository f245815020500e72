-- SPDX-License-Identifier: MIT

local crun = require "crun"
local net = require "spec.support.net"
local support = require "spec.support"
local testing = require "crun.testing"
local both = support.both

describe("laws of calls:", function()
  both("law 16: calls and tasks begin in the order given", function()
    local log = support.log()
    for i = 1, 3 do
      crun.call_soon(log, "call" .. i)
      crun.spawn(log, "task" .. i)
    end
    assert.equal("", log:text())
    support.settle()
    assert.equal("call1 task1 call2 task2 call3 task3", log:text())
  end)

  both("law 16: what a running callback adds runs in the next turn", function()
    local log = support.log()
    crun.call_soon(function()
      log "first"
      crun.call_soon(log, "added")
    end)
    crun.call_soon(log, "second")
    crun.spawn(log, "third")
    support.settle()
    assert.equal("first second third added", log:text())
  end)

  both("law 16: equal times come in the order of calls, whatever asked for them", function()
    local log, at = support.log(), crun.now() + 1
    crun.call_at(at, log, 1)
    crun.call_at(at + 1, log, "last")
    crun.call_at(at, log, 2)
    crun.call_at(at - 0.5, log, "early")
    crun.call_at(at, log, 3)
    crun.sleep(3)
    assert.equal("early 1 2 3 last", log:text())
  end)

  both("law 16: a callback that adds itself again starves no timer", function()
    local rounds, stop, seen = 0, false, nil
    local function again()
      rounds = rounds + 1
      if not stop then crun.call_soon(again) end
    end
    crun.call_later(1, function() seen = rounds end)
    crun.call_soon(again)
    crun.yield()
    testing.advance(2)
    for _ = 1, 300 do crun.yield() end
    stop = true
    assert.is_truthy(seen)
    assert.is_true(rounds >= 300)
  end)

  it("law 16: a callback that adds itself again starves no I/O", function()
    local stop, rounds = false, 0
    local server, port = net.listener()
    local task = crun.spawn(function()
      local peer = assert(server:accept())
      peer:write(peer:read("l") .. "\n")
      peer:close()
    end)
    local function again()
      rounds = rounds + 1
      if not stop then crun.call_soon(again) end
    end
    crun.call_soon(again)
    local stream = assert(crun.net.connect("127.0.0.1", port))
    stream:write("hello\n")
    assert.equal("hello", stream:read("l"))
    stop = true
    stream:close()
    task:get()
    server:close()
    assert.is_true(rounds > 0)
  end)
end)
