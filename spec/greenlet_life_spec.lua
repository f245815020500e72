-- SPDX-License-Identifier: MIT

local core = require "crun.core"
local crun = require "crun"
local greenlets = require "spec.support.greenlets"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local Greenlet, getcurrent = crun.Greenlet, crun.getcurrent
local back, closing, suspended = greenlets.back, greenlets.closing, greenlets.suspended

describe("greenlets switch", function()
  both("inside of sort, gsub, metamethods and pcall", function()
    local feeder = Greenlet(function()
      local n = 0
      while true do n = n + 1 back(n) end
    end)
    local g = Greenlet(function()
      local list = { 5, 3, 4, 1, 2 }
      table.sort(list, function(a, b) back("sort") return a < b end)
      local text = ("abc"):gsub(".", function(c) back("gsub") return c:upper() end)
      local sum = setmetatable({}, { __add = function(_, n) return back("add") + n end }) + 1
      local fine, err = pcall(function() back("pcall") error("e", 0) end)
      return "end", table.concat(list), text, sum, fine, err
    end)
    local seen, got = {}, { g:switch() }
    while got[1] ~= "end" do
      seen[got[1]] = true
      got = { g:switch(feeder:switch() * 0 + 41) }
    end
    assert.same({ sort = true, gsub = true, add = true, pcall = true }, seen)
    assert.same({ "end", "12345", "ABC", 42, false, "e" }, got)
  end)

  both("inside of generators, and generators inside of them", function()
    local g = Greenlet(function()
      for i in coroutine.wrap(function()
        for i = 1, 3 do
          back("from generator")
          coroutine.yield(i)
        end
      end) do back(i) end
      return "end"
    end)
    local got = {}
    repeat got[#got + 1] = g:switch() until g.dead
    assert.same({ "from generator", 1, "from generator", 2, "from generator", 3, "end" }, got)
    local gen = coroutine.wrap(function()
      local inner = Greenlet(function() for i = 1, 3 do back(i) end end)
      while true do coroutine.yield(inner:switch()) end
    end)
    assert.same({ 1, 2, 3 }, { gen(), gen(), gen() })
  end)

  both("not by yield: that has no coroutine to go to", function()
    local g = Greenlet(function()
      return coroutine.isyieldable(), pcall(coroutine.yield, 1)
    end)
    assert.same({ false, false, "attempt to yield across a C-call boundary" }, { g:switch() })
  end)

  both("and cannot be resumed as coroutines", function()
    local g = Greenlet(function()
      back((coroutine.running()))
      return "whole"
    end)
    local co = g:switch()
    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(co) })
    assert.is_false((pcall(coroutine.close, co)))
    assert.equal("whole", g:switch())
  end)

  both("100,000 times #slow", function()
    local g = Greenlet(function(n) while true do n = back(n + 1) end end)
    local n = 0
    for _ = 1, 100000 do n = g:switch(n) end
    assert.equal(100000, n)
  end)

  both("among 10,000 of them #slow #nosan", function()
    local list, sum = {}, 0
    for i = 1, 10000 do
      list[i] = Greenlet(function(n) while true do n = back(n + i) end end)
    end
    for round = 1, 2 do
      for i = 1, #list do sum = sum + list[i]:switch(round) end
    end
    assert.equal(2 * 10000 * 10001 / 2 + 10000 * 3, sum)
    for _, g in ipairs(list) do g:throw() end
    assert.is_true(list[1].dead and list[10000].dead)
  end)

  both("through a chain of 1,000 parents, results and errors", function()
    local function nest(n, fn)
      if n == 0 then return fn() end
      return Greenlet(function() return nest(n - 1, fn) end):switch()
    end
    assert.equal("deep", nest(1000, function() return "deep" end))
    local fine, err = pcall(nest, 1000, function() error("deep", 0) end)
    assert.same({ false, "deep" }, { fine, err })
  end)

  both("with Lua's full depth of C calls in each", function()
    local function depth(n)
      local ok, deeper = pcall(string.gsub, "x", "x", function() return depth(n + 1) end)
      return ok and tonumber(deeper) or n
    end
    local here = depth(0)
    local function nested()
      return Greenlet(function() return depth(0) end):switch()
    end
    assert.is_true(here > 50)
    assert.is_true(nested() >= here)
    assert.is_true(Greenlet(function() return nested() end):switch() >= here)
  end)
end)

describe("blocking in a greenlet", function()
  both("blocks its task and no other", function()
    local log = support.log()
    local other = crun.spawn(function()
      for i = 1, 3 do log("other" .. i) crun.sleep(1) end
    end)
    local g = Greenlet(function()
      assert.equal(crun.current(), back(crun.current()))
      crun.sleep(1.5)
      log("slept")
      local q = crun.Queue()
      crun.spawn(function() crun.sleep(1) q:put("item") end)
      log(q:get())
      other:join()
      return "end"
    end)
    local task = crun.current()
    assert.equal(task, g:switch())
    assert.equal("end", g:switch(task))
    assert.equal("other1 other2 slept other3 item", log:text())
  end)

  both("parks by stack, whatever the budget", function()
    core.stack_budget(0)
    local g = Greenlet(function() crun.sleep(1) crun.yield() return "up" end)
    local ticks = 0
    local ticker = crun.spawn(function() while true do ticks = ticks + 1 crun.sleep(0.3) end end)
    assert.equal("up", g:switch())
    assert.equal(4, ticks)
    ticker:cancel()
    ticker:join()
  end)

  both("the root may park by yield while others are suspended", function()
    local g = Greenlet(function(n) while true do n = back(n * 2) end end)
    assert.equal(2, g:switch(1))
    crun.sleep(1)
    assert.equal(10, g:switch(5))
    crun.yield()
    assert.equal(14, g:switch(7))
  end)

  both("a cancel reaches whichever runs, and comes out at the root", function()
    local log = support.log()
    local task = crun.spawn(function()
      local _ <close> = closing(log, "root")
      local bystander = suspended(log, "bystander")
      Greenlet(function()
        local _ <close> = closing(log, "sleeper")
        crun.sleep(100)
      end):switch()
      bystander:switch()
    end)
    crun.sleep(1)
    task:cancel("enough")
    task:join()
    assert.is_true(task:cancelled())
    assert.equal("sleeper:cancelled root:cancelled bystander:cancelled", log:text())
  end)

  both("so does a thrown error, and a timeout", function()
    local task = crun.spawn(function()
      return Greenlet(function() return pcall(crun.sleep, 100) end):switch()
    end)
    crun.sleep(1)
    task:throw("thrown")
    assert.same({ false, "thrown" }, { task:get() })
    local g = Greenlet(function() crun.sleep(100) end)
    assert.equal("ETIMEDOUT", select(3, crun.with_timeout(1, g.switch, g)))
    assert.is_true(g.dead)
  end)

  both("locks belong to the task", function()
    local lock = crun.Lock()
    local g = Greenlet(function() lock:acquire() back() lock:release() end)
    g:switch()
    assert.is_nil((crun.spawn(function() return lock:acquire(0) end):get()))
    g:switch()
    assert.is_true(lock:acquire(0))
    lock:release()
  end)
end)

describe("greenlets left suspended", function()
  both("are unwound when their task ends, the last started first", function()
    local log, kept = support.log(), {} -- nothing is collected before
    local task = crun.spawn(function()
      for _, name in ipairs { "a", "b", "c" } do kept[#kept + 1] = suspended(log, name) end
      return 1, 2, 3
    end)
    assert.same({ 1, 2, 3 }, { task:get() })
    assert.equal("c:cancelled b:cancelled a:cancelled", log:text())
  end)

  both("are unwound when it fails, with its error whole", function()
    local log = support.log()
    local task = crun.spawn(function()
      suspended(log, "a")
      error("own", 0)
    end)
    assert.same({ false, "own" }, { pcall(task.get, task) })
    assert.equal("a:cancelled", log:text())
  end)

  both("may wait while they are, but switch no more", function()
    local log = support.log()
    local task = crun.spawn(function()
      local root = getcurrent()
      local g = Greenlet(function()
        local _ <close> = setmetatable({}, { __close = function()
          crun.sleep(1)
          log(pcall(root.switch, root) and "switched" or "refused")
          log(pcall(Greenlet(print).switch, root) and "switched" or "refused")
        end })
        pcall(back)
        back()
      end)
      g:switch()
    end)
    local begin = crun.now()
    task:get()
    assert.equal(1, crun.now() - begin)
    assert.equal("refused refused", log:text())
  end)

  both("report errors of their own that nobody else can get", function()
    local failures = support.collect_failures()
    crun.spawn(function()
      local g = Greenlet(function()
        local _ <close> = setmetatable({}, { __close = function() error("spilt", 0) end })
        back()
      end)
      g:switch()
    end):get()
    assert.equal(1, #failures)
    assert.equal("spilt", failures[1].err)
  end)

  both("are unwound by the next switch once nobody refers to them", function()
    local log = support.log()
    suspended(log, "lost")
    local kept = suspended(log, "kept")
    for _ = 1, 3 do collectgarbage() end
    assert.equal("", log:text())
    getcurrent():switch()
    assert.equal("lost:cancelled", log:text())
    kept:throw()
  end)

  both("do not pile up #slow", function()
    local closed, most = 0, 0
    local count = setmetatable({}, { __close = function() closed = closed + 1 end })
    for _ = 1, 10000 do
      Greenlet(function()
        local _ <close> = count
        back()
      end):switch()
      most = math.max(most, core.stats().parked_by_stack)
    end
    assert.is_true(most < 2000)
    collectgarbage()
    collectgarbage()
    getcurrent():switch()
    assert.is_true(closed > 9990)
  end)

  both("nor do ends, and new ones that never start", function()
    local before = core.stats()
    for _ = 1, 300 do
      Greenlet(function() end):switch()
      Greenlet(print)
    end
    local after = core.stats()
    assert.equal(before.stacks - before.stacks_idle, after.stacks - after.stacks_idle)
  end)

  it("cannot be switched to in a finalizer", function()
    local got
    setmetatable({}, { __gc = function() got = { pcall(getcurrent().switch, getcurrent()) } end })
    collectgarbage()
    collectgarbage()
    assert.is_false(got[1])
    assert.matches("inside a finalizer", got[2])
  end)
end)

describe("tracebacks", function()
  both("go through the greenlets up to the root", function()
    local task = crun.spawn(function()
      local function outer()
        Greenlet(function()
          local function inner() crun.sleep(1) end
          inner()
        end):switch()
      end
      outer()
    end)
    crun.yield()
    local text = task:traceback()
    assert.matches("sleep'.*inner.*\ninside of stack traceback:.*outer", text)
    task:get()
  end)

  both("of a failure begin where it arose", function()
    local task = crun.spawn(function()
      Greenlet(function()
        local function deep() error("deep") end
        deep()
      end):switch()
    end)
    assert.is_false((pcall(task.get, task)))
    assert.matches("'deep'.*\nswitched to by:\nstack traceback:.*'switch'.*\nspawned at",
      task:traceback())
  end)
end)

describe("greenlets at the end of a program:", function()
  local PRELUDE = [[
    local crun = require "crun"
    local function left(name)
      local g = crun.Greenlet(function()
        local _ <close> = setmetatable({}, { __close = function() print(name) end })
        crun.getcurrent().parent:switch()
      end)
      g:switch()
      return g
    end
  ]]

  local function prints(expected, script)
    local result = process.run(PRELUDE .. script)
    assert.equal("", result.err)
    assert.equal(0, result.status)
    assert.equal(expected, result.out)
  end

  it("those of the main task are unwound before it waits for the others", function()
    prints("b\na\ntask\n", [[
      A, B = left "a", left "b"
      crun.spawn(function() crun.sleep(0.01) print "task" end)
    ]])
  end)

  it("those of daemons are unwound when they are cancelled", function()
    prints("daemon's\n", [[
      crun.spawn(function() A = left "daemon's" crun.sleep(100) end).daemon = true
      crun.yield()
    ]])
  end)

  it("an error that nobody catches ends the main chunk as ever", function()
    local result = process.run(PRELUDE .. [[
      A = left "a"
      crun.Greenlet(function() error("lost", 0) end):switch()
    ]])
    assert.equal(1, result.status)
    assert.matches("lost", result.err)
    assert.equal("a\n", result.out)
  end)

  for _, close in ipairs { "true", "false" } do
    it("os.exit in a greenlet, state closed: " .. close, function()
      for _, script in ipairs {
        "crun.Greenlet(function() os.exit(3, %s) end):switch()",
        "crun.spawn(function() A = left 'task' os.exit(3, %s) end) crun.sleep(1)",
        "crun.spawn(function() os.exit(3, %s) end) "
          .. "crun.Greenlet(function() crun.sleep(1) end):switch()",
      } do
        local result = process.run(PRELUDE .. "B = left 'main' " .. script:format(close))
        assert.equal("", result.err)
        assert.equal(3, result.status)
      end
    end)
  end

  it("switch fails where there is no room for a stack, until there is some again #nosan", function()
    local result = process.run(PRELUDE .. [[
      local list, text = {}, nil
      for i = 1, 1e6 do
        local ok, g = pcall(left, i)
        if not ok then text = g break end
        list[i] = g
      end
      print(#list > 50, text)
      local new = crun.Greenlet(function() return "started" end)
      print(pcall(new.switch, new))
      list[1]:throw()
      print(pcall(new.switch, new))
      list = nil
      os.exit(0, false)
    ]], { limit = "-v 500000" })
    local text = "cannot start a greenlet: no room for another C stack %(vm.max_map_count is %d+%)"
    assert.matches("^true\t[^\n]*" .. text .. "\n", result.out)
    assert.matches("\nfalse\t[^\n]*cannot start.*\n1\ntrue\tstarted\n", result.out)
    assert.equal("", result.err)
  end)

  it("a recursion as deep as C allows is an error", function()
    local result = process.run(PRELUDE .. [[
      crun.spawn(function()
        crun.current().name = "deep"
        local function recurse() return (("x"):gsub("x", recurse)) end
        crun.Greenlet(function() print(pcall(recurse)) end):switch()
      end)
    ]])
    assert.equal(0, result.status)
    assert.matches("^false.*C stack overflow", result.out)
  end)
end)
