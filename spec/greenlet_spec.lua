-- SPDX-License-Identifier: MIT

local crun = require "crun"
local greenlets = require "spec.support.greenlets"
local support = require "spec.support"
local both = support.both

local Greenlet, getcurrent = crun.Greenlet, crun.getcurrent
local back, suspended = greenlets.back, greenlets.suspended

describe("greenlets pass values:", function()
  both("the first switch the function's arguments, its results go to the parent", function()
    local g = Greenlet(function(...) return select("#", ...), ... end)
    assert.same({ 3, 1, nil, 3, n = 4 }, table.pack(g:switch(1, nil, 3)))
    assert.is_true(g.dead)
  end)

  both("each switch returns what the next one brings", function()
    local g = Greenlet(function(a)
      local b = back(a + 1)
      local c, d = back(b + 1)
      return c + d
    end)
    assert.equal(2, g:switch(1))
    assert.equal(11, g:switch(10))
    assert.is_false(g.dead)
    assert.equal(7, g:switch(3, 4))
    assert.is_true(g.dead)
  end)

  both("none, and many", function()
    local g = Greenlet(function(...)
      local n = select("#", ...)
      while true do n = select("#", back(table.unpack({}, 1, n))) end
    end)
    for _, n in ipairs { 0, 1, 20, 250, 5000 } do
      assert.equal(n, select("#", g:switch(table.unpack({}, 1, n))))
    end
  end)

  both("more than a stack holds raise where they are handed over", function()
    local g = Greenlet(function(...) return select("#", back(...)) end)
    local list = table.pack(g:switch(table.unpack({}, 1, 200000)))
    assert.equal(200000, list.n)
    local receiver = Greenlet(function(...)
      local many = table.pack(...)
      return #many, select("#", getcurrent().parent:switch(table.unpack({}, 1, 900000)))
    end)
    local fine, text = pcall(receiver.switch, receiver)
    if not fine then assert.matches("too many values to hand over", text) end
  end)

  both("two greenlets without a word from their parent", function()
    local log = support.log()
    local one, two
    one = Greenlet(function(name)
      log(name .. "1")
      log(two:switch(name))
      two:switch("bye")
    end)
    two = Greenlet(function(name)
      log(name .. "2")
      log(one:switch("rice"))
      return "done"
    end)
    assert.equal("done", one:switch("egon"))
    assert.equal("egon1 egon2 rice bye", log:text())
    assert.is_false(one.dead)
    assert.is_true(two.dead)
  end)

  both("collected in between or not, they arrive", function()
    local g = Greenlet(function(t) while true do t = back(t) end end)
    for i = 1, 20 do
      local got = g:switch({ i })
      collectgarbage()
      assert.equal(i, got[1])
    end
  end)
end)

describe("a greenlet's end:", function()
  both("an error is raised by the parent's switch, as it is", function()
    local err = setmetatable({}, { __tostring = function() return "mine" end })
    local g = Greenlet(function() error(err) end)
    local fine, got = pcall(g.switch, g)
    assert.is_false(fine)
    assert.equal(err, got)
    assert.is_true(g.dead)
  end)

  both("whoever switched to it last, its parent gets the result", function()
    local log = support.log()
    local parent = Greenlet(function()
      local child = Greenlet(function() back("child") return "end" end)
      log(child:switch())
      log(back(child))
    end)
    local child = parent:switch()
    -- Its end goes on in the parent, whose end comes back here.
    assert.is_nil(child:switch())
    assert.equal("child end", log:text())
    assert.is_true(parent.dead)
  end)

  both("a dead parent passes it on to its own", function()
    local child
    local parent = Greenlet(function()
      child = Greenlet(function() return "late" end)
      return "early"
    end)
    assert.equal("early", parent:switch())
    assert.equal(parent, child.parent)
    assert.equal("late", child:switch())
  end)

  both("a new parent starts with the results; an error ends it unstarted", function()
    local log = support.log()
    local parent = Greenlet(function(...)
      log("started " .. select("#", ...))
      return "parent", ...
    end)
    local child = Greenlet(function() return 1, 2 end)
    child.parent = parent
    assert.same({ "parent", 1, 2 }, { child:switch() })
    parent = Greenlet(function() log("never") end)
    child = Greenlet(function() error("lost", 0) end)
    child.parent = parent
    assert.same({ false, "lost" }, { pcall(child.switch, child) })
    assert.is_true(parent.dead)
    assert.equal("started 2", log:text())
  end)

  both("a switch to a dead one goes on to the nearest live parent", function()
    local g = Greenlet(function() end)
    g:switch()
    assert.same({ 1, 2 }, { g:switch(1, 2) })
    local outer = Greenlet(function()
      local inner = Greenlet(function() end)
      inner:switch()
      return inner:switch("through"), back("out")
    end)
    assert.equal("out", outer:switch())
    assert.same({ "through", 7 }, { outer:switch(7) })
  end)

  both("a switch to itself returns its arguments", function()
    assert.same({ 1, "x" }, { getcurrent():switch(1, "x") })
    assert.same({ false, "me" }, { pcall(getcurrent().throw, getcurrent(), "me") })
  end)
end)

describe("greenlet:throw", function()
  both("raises at the switch, where it can be caught", function()
    local g = Greenlet(function()
      local fine, err = pcall(back)
      back(fine, err)
      error("second", 0)
    end)
    g:switch()
    assert.same({ false, "first" }, { g:throw("first") })
    assert.same({ false, "second" }, { pcall(g.switch, g) })
  end)

  both("comes out at the parent if it is not", function()
    local log = support.log()
    local g = suspended(log, "x")
    assert.same({ false, "out" }, { pcall(g.throw, g, "out") })
    assert.is_true(g.dead)
    assert.equal("x:out", log:text())
  end)

  both("ends a new one without starting it", function()
    local ran = false
    local g = Greenlet(function() ran = true end)
    assert.same({ false, "no" }, { pcall(g.throw, g, "no") })
    assert.is_true(g.dead)
    assert.is_false(ran)
    assert.same({ false, "again" }, { pcall(g.throw, g, "again") })
  end)

  both("without an error ends it, which is none for the parent", function()
    local log = support.log()
    local g = suspended(log, "x")
    assert.matches("^cancelled: ended by throw %(by spec/greenlet_spec.lua:%d+%)$",
      tostring(g:throw()))
    assert.is_true(g.dead)
    assert.equal("x:cancelled", log:text())
    assert.matches("^cancelled", tostring(g:throw()))
    local new = Greenlet(error)
    assert.matches("^cancelled", tostring(new:throw()))
    assert.is_true(new.dead)
  end)

  both("of an error that ends is caught like any other", function()
    local g = Greenlet(function() pcall(back) return "alive" end)
    g:switch()
    assert.equal("alive", g:throw())
  end)
end)

describe("greenlets and what surrounds them:", function()
  both("the root has no parent; the creator is the parent", function()
    local root = getcurrent()
    assert.is_nil(root.parent)
    assert.is_false(root.dead)
    local inner
    local g = Greenlet(function()
      inner = Greenlet(function() return getcurrent() end)
      assert.equal(inner, inner:switch())
      return getcurrent()
    end)
    assert.equal(root, g.parent)
    assert.equal(g, g:switch())
    assert.equal(g, inner.parent)
    assert.equal(root, getcurrent())
  end)

  both("each task has a root of its own, the same at each look", function()
    local mine = getcurrent()
    assert.equal(mine, getcurrent())
    assert.not_equal(mine, crun.spawn(function()
      local root = getcurrent()
      crun.sleep(1)
      collectgarbage()
      assert.equal(root, getcurrent())
      return root
    end):get())
  end)

  both("another parent can be set, but no circle", function()
    local one, two = Greenlet(print), Greenlet(print)
    one.parent = two
    assert.equal(two, one.parent)
    local function set(g, parent) g.parent = parent end
    assert.matches("cannot be a parent of its own parents", support.raised(set, two, one))
    assert.matches("cannot be a parent of its own parents", support.raised(set, one, one))
    assert.matches("must be a Greenlet, not a number", support.raised(set, one, 1))
    assert.matches("root greenlet of a task has no parent", support.raised(set, getcurrent(), one))
    local theirs = crun.spawn(getcurrent):get()
    assert.matches("must belong to the same task", support.raised(set, one, theirs))
    assert.matches("no field 'dead' to set",
      support.raised(function() one.dead = true end))
  end)

  both("misuse raises", function()
    assert.matches("function expected", support.raised(Greenlet))
    assert.matches("function expected", support.raised(Greenlet, 1))
    assert.matches("crun.Greenlet expected", support.raised(Greenlet(print).switch, 1))
    assert.is_nil(Greenlet(print).nothing)
  end)

  both("their text tells state and task", function()
    local g = Greenlet(back)
    assert.matches("^crun.Greenlet: %S+ %(new, of task#%d+ 'test'%)$", tostring(g))
    g:switch()
    assert.matches("%(suspended, of task#%d+ 'test'%)$", tostring(g))
    g:switch()
    assert.matches("%(dead, of task#%d+ 'test'%)$", tostring(g))
    assert.matches("%(root, active, of task#%d+ 'test'%)$", tostring(getcurrent()))
  end)

  both("one of another task is refused, naming both", function()
    local g = Greenlet(print)
    crun.current().name = "owner"
    local text = crun.spawn(function()
      crun.current().name = "thief"
      return support.raised(g.switch, g)
    end):get()
    assert.matches("greenlet of task#%d+ 'owner' from task#%d+ 'thief'", text)
    assert.is_false(g.dead)
  end)

  both("all of a task that has ended are dead", function()
    local new, left = crun.spawn(function()
      local g = Greenlet(back)
      g:switch()
      return Greenlet(print), g
    end):get()
    for _, g in ipairs { new, left } do
      assert.is_true(g.dead)
      assert.matches("of a task that has ended", support.raised(g.switch, g))
      assert.matches("dead, of a task that has ended", tostring(g))
    end
  end)
end)
