-- SPDX-License-Identifier: MIT

--- `#` of a channel raised in a worker; a method that was called on another kind of shared object
--- ran whatever has its number there; and some errors had a position in crun's own files.
local crun = require "crun"

-- What runs in a thread has these; globals are those of the specs here.
local error, ipairs, pcall, require = error, ipairs, pcall, require

local function expect(ok, message)
  if not ok then error(message or "expected", 2) end
end

--- Runs the function here with the objects, and in a thread, where it has proxies of them.
local function both(fn, ...)
  fn(...)
  local thread = crun.Thread { target = fn, args = { ... } }
  thread:start()
  thread:get()
end

describe("shared objects", function()
  it("have a length where the original has one", function()
    both(function(channel, queue)
      expect(channel:send("item", 0) and queue:put("item"))
      expect(#channel == queue:qsize() and #queue == #channel)
    end, crun.Channel(2), crun.Queue())
  end)

  it("are passed on with their length", function()
    local thread = crun.Thread {
      target = function(channel)
        local inner = require("crun").Thread {
          target = function(again) return #again end, args = { channel },
        }
        inner:start()
        return inner:get()
      end,
      args = { crun.Channel(3) },
    }
    thread:start()
    assert.equal(0, thread:get())
  end)

  it("bring a failure that is the result of a Future", function()
    local future = crun.Future()
    future:set_result(nil, "ECLOSED: closed", "ECLOSED")
    both(function(f)
      local value, message, code = f:result()
      expect(value == nil and message == "ECLOSED: closed" and code == "ECLOSED")
    end, future)
  end)

  it("refuse the methods of others", function()
    local manager <close> = crun.Manager()
    both(function(dict, list, value)
      for _, call in ipairs {
        { "calling 'get' on bad self %(crun.Dict expected, got crun.List%)",
          function() dict.get(list, 1) end },
        { "calling 'set' on bad self %(crun.Dict expected, got crun.Value%)",
          function() dict.set(value, 1) end },
        { "calling 'append' on bad self %(crun.List expected, got nil%)",
          function() list.append() end },
      } do
        local ok, err = pcall(call[2])
        expect(not ok and err:find(call[1]) and err:find("proxy_misuse_spec", 1, true), err)
      end
    end, manager:dict(), manager:list(), manager:Value(1))
    local lock, queue = crun.Lock(), crun.Queue()
    local thread = crun.Thread { target = function(q, l) q.put(l, 1) end, args = { queue, lock } }
    thread:start()
    assert.error_matches(function() thread:get() end,
      "calling 'put' on bad self %(crun.Queue expected, got crun.Lock%)")
    assert.is_false(lock:locked())
  end)

  it("name the line of the script, and what was called there", function()
    local manager <close> = crun.Manager()
    both(function(m, heap)
      local function fails(pattern, fn)
        local ok, err = pcall(function() return (fn()) end)
        expect(not ok and err:find("^[^\n]*proxy_misuse_spec.lua:%d+: " .. pattern), err)
      end
      fails("bad argument #1 to 'Queue' %(an integer", function() return m:Queue("x") end)
      fails("bad argument #1 to 'Semaphore' %(an integer", function() return m:Semaphore({}) end)
      heap:put({})
      fails("attempt to compare", function() return heap:put("x") end)
      heap:get()
    end, manager, crun.PriorityQueue())
  end)
end)

describe("a list of a Manager", function()
  it("takes a float for a place, as tables do", function()
    local manager <close> = crun.Manager()
    both(function(list)
      list:clear()
      list[1.0] = "a"
      list:insert(2.0, "b")
      list[2.0] = "c"
      expect(list[1] == "a" and list[2] == "c" and list:remove(1.0) == "a" and #list == 1)
      expect(not pcall(list.set, list, 1.5, "x"))
    end, manager:list())
  end)

  it("gets shorter when its last item becomes nil, as tables do", function()
    local manager <close> = crun.Manager()
    local remove = table.remove
    both(function(list)
      list:clear()
      list:extend { 1, 2, 3 }
      list[#list] = nil
      expect(#list == 2 and remove(list) == 2 and #list == 1)
      list[2] = nil
      expect(#list == 1 and remove(list) == 1 and remove(list) == nil and #list == 0)
    end, manager:list())
  end)
end)
