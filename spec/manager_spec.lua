-- SPDX-License-Identifier: MIT

local crun = require "crun"
local links = require "spec.support.links"
local support = require "spec.support"
local both = support.both

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- Runs the body with an object at its owner, and as a proxy.
local function everywhere(make, body)
  return function()
    local manager <close> = crun.Manager()
    body(make(manager), manager)
    local here, there = links.pair()
    body(links.proxy(here, make(manager)), manager)
    here:close()
    there:join()
  end
end

local function dict(manager) return manager:dict() end
local function list(manager) return manager:list() end
local function fails(pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches("^spec/manager_spec.lua:%d+: " .. pattern, err)
end

describe("a Manager's dict", function()
  both("is indexed and assigned like a table", everywhere(dict, function(d)
    assert.is_nil(d.a)
    d.a, d[1], d[true] = "x", { 1, 2 }, false
    assert.equal("x", d.a)
    assert.same({ 1, 2 }, d[1])
    assert.is_false(d[true])
    assert.equal(3, #d)
    d.a = nil
    assert.equal(2, #d)
    local seen = {}
    for key, value in pairs(d) do seen[key] = value end
    assert.same({ [1] = { 1, 2 }, [true] = false }, seen)
    assert.matches("^crun.Dict", tostring(d))
  end))

  both("has methods, each one step for everybody", everywhere(dict, function(d)
    d:update { a = 1, b = 2 }
    assert.equal(5, d:add("a", 4))
    assert.equal(1, d:add("new"))
    assert.equal(2, d:pop("b"))
    assert.equal("none", d:pop("b", "none"))
    assert.equal("none", d:get("b", "none"))
    assert.equal(7, d:setdefault("c", 7))
    assert.equal(7, d:setdefault("c", 8))
    local keys = d:keys()
    table.sort(keys)
    assert.same({ "a", "c", "new" }, keys)
    assert.same({ a = 5, c = 7, new = 1 }, d:copy())
    d:set("keys", "a key like a method")
    assert.equal("a key like a method", d:get("keys"))
    d:clear()
    assert.equal(0, #d)
  end))

  both("refuses misuse at the caller's line", everywhere(dict, function(d)
    fails("'keys' is a method", function() d.keys = 1 end)
    fails("a key of a dict must be a string", function() d[{}] = 1 end)
    fails("cannot add a number to a string", function()
      d.s = "s"
      d:add("s", 1)
    end)
    fails("bad argument #1 to 'update'", function() d:update(1) end)
    fails("calling 'get' on bad self", function() d.get(1, "a") end)
  end))
end)

describe("a Manager's list", function()
  both("is indexed, assigned, walked like a table", everywhere(list, function(l)
    l:append("a")
    l[2] = "b"
    l:extend { "c", "d" }
    assert.equal(4, #l)
    assert.equal("c", l[3])
    assert.is_nil(l[5])
    l:insert(1, "first")
    l:insert("last")
    assert.same({ "first", "a", "b", "c", "d", "last" }, l:copy())
    assert.equal("last", l:remove())
    assert.equal("first", l:remove(1))
    local seen = {}
    for i, value in ipairs(l) do seen[i] = value end
    assert.same({ "a", "b", "c", "d" }, seen)
    l[2] = nil
    seen = {}
    for i, value in pairs(l) do seen[#seen + 1] = i .. tostring(value) end
    assert.same({ "1a", "2nil", "3c", "4d" }, seen)
    l:clear()
    assert.is_nil(l:remove())
    fails("bad place 3 to 'assign'", function() l[3] = 1 end)
    fails("bad place 2 to 'insert'", function() l:insert(2, 1) end)
    fails("bad place 1 to 'remove'", function() l:remove(1) end)
  end))
end)

describe("a Manager's Value and Namespace", function()
  both("hold one value", everywhere(function(m) return m:Value(1) end, function(v)
    assert.equal(1, v:get())
    assert.equal(3, v:add(2))
    assert.equal(4, v:add())
    assert.equal(4, v:swap("s"))
    v:set(nil)
    assert.is_nil(v:get())
    fails("cannot add a number to a nil", v.add, v)
    fails("a Value has no field 'value': use get and set", function() return v.value end)
    fails("a Value has no field 'value': use get and set", function() v.value = 1 end)
  end))

  both("hold names", everywhere(function(m) return m:Namespace() end, function(ns)
    ns.x, ns.get, ns.copy = 1, 2, 3
    assert.equal(6, ns.x + ns.get + ns.copy)
    assert.equal(3, #ns)
    ns.x = nil
    assert.is_nil(ns.x)
    local seen = {}
    for name, value in pairs(ns) do seen[name] = value end
    assert.same({ get = 2, copy = 3 }, seen)
  end))

  both("begin with what they are given", everywhere(function(m) return m end, function(m)
    local ns = m:Namespace { x = 1, y = "two" }
    assert.same({ 2, 1, "two" }, { #ns, ns.x, ns.y })
    fails("bad argument #1 to 'Namespace' %(table expected, got number%)", m.Namespace, m, 1)
    fails("a key of a dict must be a string, number or boolean, got table", m.Namespace, m,
      { [{}] = 1 })
    fails("bad arguments to 'Value' %(one value expected", m.Value, m, "i", 0)
  end))
end)

describe("a Manager", function()
  both("makes what workers share, also for them", everywhere(function(m) return m end,
    function(m)
      local queue = m:Queue(1)
      assert.is_true(queue:put("x"))
      assert.is_true(queue:full())
      assert.equal("x", queue:get())
      assert.is_true(m:Lock():acquire())
      local d = m:dict { a = 1, queue = queue }
      assert.equal(queue, d.queue)
      assert.equal(1, d.a)
      assert.equal(2, #m:list { 1, 2 })
    end))

  it("ends what it has made when it is closed", function()
    local manager = crun.Manager()
    local queue, d = manager:Queue(), manager:dict()
    manager:close()
    manager:close()
    assert.is_true(queue:closed())
    fails("ECLOSED: the Manager is closed", function() d.x = 1 end)
    fails("ECLOSED: the Manager is closed", function() manager:dict() end)
    assert.equal("crun.Manager: closed", tostring(manager))
    fails("bad argument #1 to 'dict'", function() crun.Manager():dict(1) end)
  end)

  both("adds up what many workers add", function()
    local manager <close> = crun.Manager()
    local value, d = manager:Value(0), manager:dict()
    local pairs_of_links, futures = {}, {}
    for i = 1, 4 do
      local here, there = links.pair()
      pairs_of_links[i] = { here, there }
      futures[i] = here:submit(function(v, counts)
        for n = 1, 25 do
          v:add(n)
          counts:add("calls")
        end
      end, value, d)
    end
    crun.joinall(futures)
    assert.equal(4 * 25 * 26 // 2, value:get())
    assert.equal(100, d.calls)
    for _, pair in ipairs(pairs_of_links) do
      pair[1]:close()
      pair[2]:join()
    end
  end)
end)
