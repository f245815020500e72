-- SPDX-License-Identifier: MIT

local crun = require "crun"
local links = require "spec.support.links"
local support = require "spec.support"
local both = support.both

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, assert = describe, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- Runs the body with both ends of a link; they are closed behind it.
local function linked(body)
  return function()
    local here, there = links.pair()
    body(here, there)
    here:close()
    there:join()
    support.settle()
    collectgarbage()
    collectgarbage()
  end
end

local proxy = links.proxy

describe("a proxy", function()
  both("of a queue puts and gets", linked(function(here)
    local queue = crun.Queue(2)
    local there = proxy(here, queue)
    assert.is_true(there:put({ 1, 2 }))
    assert.same({ 1, 2 }, queue:get())
    queue:put("a")
    assert.equal("a", there:get())
    assert.same({ nil, "EAGAIN: would have to wait", "EAGAIN" }, { there:get_nowait() })
    local getter = crun.spawn(there.get, there)
    support.settle()
    queue:put("late")
    assert.equal("late", getter:get())
    assert.is_true(there:put_nowait(1))
    assert.is_true(there:put(2))
    assert.equal("EAGAIN", select(3, there:put_nowait(3)))
    assert.equal("ETIMEDOUT", select(3, there:put(3, 0)))
    assert.equal("ETIMEDOUT", select(3, there:put(3, 0.01)))
    local putter = crun.spawn(there.put, there, 3)
    support.settle()
    assert.equal(1, queue:get())
    assert.is_true(putter:get())
    assert.equal(2, #there)
    assert.equal(2, there:qsize())
    assert.is_true(there:full())
    assert.is_false(there:empty())
    there:close()
    local list = {}
    for item in there:iter() do list[#list + 1] = item end
    assert.same({ 2, 3 }, list)
    assert.equal("ECLOSED", select(3, there:get()))
    assert.is_true(there:closed())
  end))

  both("comes back to its owner as the original", linked(function(here)
    local queue = crun.Queue()
    local there = proxy(here, queue)
    assert.equal(queue, here:submit(function(q) return q end, queue):get())
    assert.not_equal(queue, there)
    assert.equal(there, proxy(here, queue))
    there:put(queue) -- the original, sent by the other end
    local same = queue:get()
    assert.not_equal(queue, same)
    there:put(there)
    assert.equal(queue, queue:get())
  end))
end)
