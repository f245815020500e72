-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

-- A task has its function and arguments with it until it starts, and only then a coroutine.
describe("Before its start, a task", function()
  both("keeps its function and arguments", function()
    for count = 0, 40 do
      local arguments = {}
      for i = 1, count do arguments[i] = { i } end
      local task = crun.spawn(function(...)
        assert.equal(count, select("#", ...))
        for i = 1, count do assert.equal(i, (select(i, ...))[1]) end
        return true
      end, table.unpack(arguments, 1, count))
      for i = count, 1, -1 do arguments[i] = nil end
      collectgarbage()
      assert.is_true(task:get())
    end
  end)

  both("keeps them also when it gets a name or a callback", function()
    local seen
    local task = crun.spawn(function(...) return ... end, "a", nil, "b")
    task.name = "named"
    task:on_done(function(t) seen = t.name end)
    assert.same({ n = 3, "a", nil, "b" }, table.pack(task:get()))
    crun.yield()
    assert.equal("named", seen)
  end)

  both("that is cancelled keeps nothing", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make(boxed)
      weak.argument, weak.upvalue = {}, {}
      local upvalue = weak.upvalue
      local task = crun.spawn(function() return upvalue end, weak.argument, {})
      if boxed then task.name = "boxed" end
      task:cancel()
      return task
    end
    for _, boxed in ipairs { false, true } do
      local task = make(boxed)
      collectgarbage()
      collectgarbage()
      assert.same({}, weak)
      assert.is_true(task:cancelled())
    end
  end)

  both("costs no coroutine", function()
    -- Where there is a hook to inherit it has one.
    if select("#", debug.gethook()) > 1 then return end
    local function nothing() end
    for _ = 1, 2 do
      local tasks = {}
      for i = 1, 2000 do tasks[i] = false end
      crun.yield()
      collectgarbage()
      local before = collectgarbage("count")
      collectgarbage("stop")
      for i = 1, 2000 do tasks[i] = crun.spawn(nothing) end
      local bytes = (collectgarbage("count") - before) * 1024 / 2000
      collectgarbage("restart")
      crun.joinall(tasks)
      assert.is_true(bytes < 400, ("%.0f bytes"):format(bytes))
    end
  end)

  both("has a traceback that says so", function()
    local task = crun.spawn(function() end)
    assert.equal("stack traceback:\n\tnot started", task:traceback())
    task:join()
  end)

  -- As a coroutine does: it has the hook of C, which calls nothing for a function of Lua.
  both("inherits its spawner's debug hook", function()
    local function mask() return (select(2, debug.gethook())) end
    debug.sethook(function() end, "c")
    local task = crun.spawn(mask)
    debug.sethook()
    assert.equal("c", task:get())
    assert.equal(nil, crun.spawn(mask):get())
  end)
end)
