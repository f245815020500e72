-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local Local = crun.Local

--- What pairs gives.
local function fields(loc)
  local all = {}
  for key, value in pairs(loc) do all[key] = value end
  return all
end

describe("a Local", function()
  both("has fields that only the task sees that set them", function()
    local loc = Local()
    loc.x = "mine"
    local seen = crun.gather(function()
      local before = loc.x
      loc.x = "a"
      crun.sleep(1)
      return { before, loc.x }
    end, function()
      crun.sleep(0.5)
      loc.x = "b"
      loc.y = "only b"
      crun.sleep(1)
      return { loc.x, loc.y }
    end)
    assert.same({ nil, "a" }, seen)
    assert.equal("mine", loc.x)
    assert.is_nil(loc.y)
  end)

  both("is apart from every other", function()
    local one, two = Local(), Local()
    one.x, two.x = 1, 2
    assert.same({ 1, 2 }, { one.x, two.x })
    one.x = nil
    assert.is_nil(one.x)
    assert.equal(2, two.x)
  end)

  both("takes every key but nil and NaN, and every value", function()
    local loc, key = Local(), {}
    loc[1], loc[key], loc.f = "one", "table", false
    assert.same({ "one", "table", false }, { loc[1], loc[key], loc.f })
    assert.is_nil(loc[nil])
    assert.is_false((pcall(function() loc[nil] = 1 end)))
    assert.is_false((pcall(function() loc[0 / 0] = 1 end)))
  end)

  both("is gone through by pairs", function()
    local loc = Local { a = 1 }
    loc.b = 2
    assert.same({ a = 1, b = 2 }, fields(loc))
    for key in pairs(loc) do loc[key] = nil end
    assert.same({}, fields(loc))
    assert.same({ a = 1 }, crun.spawn(fields, loc):get())
  end)

  both("belongs to the task in all its coroutines and greenlets", function()
    local loc = Local()
    loc.x = 1
    coroutine.wrap(function() loc.x = loc.x + 1 end)()
    crun.Greenlet(function() loc.x = loc.x + 1 end):switch()
    assert.equal(3, loc.x)
  end)

  both("starts in each task with a copy of the fields given", function()
    local start = { n = 0, list = {} }
    local loc = Local(start)
    loc.n = loc.n + 1
    assert.equal(1, loc.n)
    assert.equal(0, crun.spawn(function() return loc.n end):get())
    assert.equal(0, start.n)
    assert.equal(start.list, loc.list)
  end)

  both("calls its function once per task, at the first access", function()
    local calls = 0
    local loc
    loc = Local(function(self)
      assert.equal(loc, self)
      calls = calls + 1
      self.name = crun.current().name
      crun.sleep(0.1)
      self.late = self.name
    end)
    assert.equal(0, calls)
    local function look()
      crun.current().name = "looker"
      return loc.name, loc.late, rawequal(loc.name, loc.late)
    end
    assert.same({ "looker", "looker", true }, { crun.spawn(look):get() })
    assert.equal("test", loc.name)
    assert.equal("test", loc.late)
    assert.equal(2, calls)
  end)

  both("whose function fails raises that, and calls it again", function()
    local fail = true
    local loc = Local(function(self)
      self.x = 1
      if fail then error("not yet", 0) end
    end)
    assert.same({ false, "not yet" }, { pcall(function() return loc.x end) })
    fail = false
    assert.equal(1, loc.x)
  end)

  both("that is dropped frees what tasks had in it", function()
    local loc, weak = Local(), setmetatable({}, { __mode = "v" })
    loc.x = {}
    loc.self = loc
    weak[1] = loc.x
    loc = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("refuses misuse", function()
    support.refuses({ "bad argument #1", "table of fields or function", "12" },
      function() Local(12) end)
    support.refuses({ "bad argument #2", "unknown option 'inherits'" },
      function() Local(nil, { inherits = true }) end)
    assert.matches("^crun.Local: ", tostring(Local()))
  end)
end)

describe("inherited Locals", function()
  both("give a spawned task a copy of its spawner's fields", function()
    local loc, own = Local(nil, { inherit = true }), Local()
    loc.x, own.x = "root", "root"
    local function chain(n)
      local seen = { loc.x, own.x }
      loc.x = "changed" .. n
      if n > 0 then
        for _, x in ipairs(crun.spawn(chain, n - 1):get()) do seen[#seen + 1] = x end
      end
      return seen
    end
    assert.same({ "root", "changed2", "changed1" }, crun.spawn(chain, 2):get())
    assert.equal("root", loc.x)
  end)

  both("are copied when spawned, not when run", function()
    local loc = Local(nil, { inherit = true })
    loc.x = 1
    local task = crun.spawn(function() return loc.x end)
    loc.x = 2
    assert.equal(1, task:get())
  end)

  both("start afresh where the spawner has none", function()
    local loc = Local({ x = 0 }, { inherit = true })
    assert.equal(0, crun.spawn(function() return loc.x end):get())
    loc.x = 5
    assert.equal(5, crun.spawn(function() return loc.x end):get())
  end)

  both("go with a task that is cancelled before its first turn", function()
    local loc, weak = Local(nil, { inherit = true }), setmetatable({}, { __mode = "k" })
    loc.x = {}
    weak[loc.x] = true
    local task = crun.spawn(function() end)
    task:cancel()
    loc.x = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.is_true(task:cancelled())
  end)
end)
