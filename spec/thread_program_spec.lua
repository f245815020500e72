-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

local PRELUDE = [[
local crun = require "crun"
local function guarded(word)
  return setmetatable({}, { __close = function() print("closed " .. word) end })
end
local function start(options) return assert(crun.Thread(options):start()) end
]]

local function run(text, options)
  return process.run(PRELUDE .. text, options)
end

--- The status of a failure, which a stock interpreter knows nothing of.
local FAILED = process.under_crun and 1 or 0

describe("a program with threads", function()
  it("waits for them at its end", function()
    local result = run [[
      start { target = function() crun.sleep(0.05) print "done" end }
      print "main"
    ]]
    assert.equal("main\ndone\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("cancels daemon threads at its end, and waits for their clean-ups", function()
    local result = run [[
      local began = crun.Event()
      start { daemon = true, args = { began }, target = function(event)
        local g <close> = guarded "waiting"
        event:set()
        crun.sleep(60)
      end }
      began:wait()
      local other = crun.Event()
      start { daemon = true, args = { other }, target = function(event)
        local g <close> = guarded "computing"
        event:set()
        while true do string.rep("x", 10) end
      end }
      other:wait()
    ]]
    assert.equal("", result.err)
    assert.matches("closed waiting", result.out)
    assert.matches("closed computing", result.out)
    assert.equal(0, result.status)
  end)

  it("lets a thread without a target do at its end what it was asked", function()
    local result = run [[
      local thread = start {}
      thread:call_soon(function() crun.sleep(0.05) print "asked" end)
    ]]
    assert.equal("asked\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("reports a failure once, with the traceback of the thread, and fails", function()
    local result = run [[
      start { name = "broken", target = function()
        local function inner() error "boom" end
        inner()
      end }
    ]]
    assert.matches("^crun: task#%d+ 'broken' failed: script.lua:%d+: boom\n", result.err)
    assert.matches("in local 'inner'", result.err)
    assert.equal(1, select(2, result.err:gsub("boom", "")))
    assert.equal(FAILED, result.status)
  end)

  it("fails when a task of a thread does, unseen", function()
    local result = run [[
      start { target = function() crun.spawn(error, "unseen") end }:join()
    ]]
    assert.matches("^crun: task#%d+ failed: unseen\n", result.err)
    assert.equal(FAILED, result.status)
  end)

  for name, number in pairs { INT = 2, TERM = 15 } do
    it("cancels its threads on SIG" .. name, function()
      local result = run(([[
        local waiting, computing = crun.Event(), crun.Event()
        start { args = { waiting }, target = function(event)
          local g <close> = guarded "waiting"
          event:set()
          crun.sleep(60)
        end }
        start { args = { computing }, target = function(event)
          local g <close> = guarded "computing"
          event:set()
          while true do string.rep("x", 10) end
        end }
        waiting:wait()
        computing:wait()
        io.popen("kill -%s $PPID"):close()
        crun.sleep(60)
      ]]):format(name))
      assert.matches("closed waiting", result.out)
      assert.matches("closed computing", result.out)
      if process.under_crun then
        assert.equal(128 + number, result.status)
      else
        assert.is_true(result.status ~= 0)
      end
    end)
  end

  it("is ended by os.exit in a thread", function()
    local result = run [[
      start { target = function() os.exit(7) end }
      crun.sleep(60)
    ]]
    assert.equal(7, result.status)
    result = run [[
      start { target = function()
        crun.spawn(function() local g <close> = guarded "task" crun.sleep(60) end)
        crun.yield()
        os.exit(true, true)
      end }
      crun.sleep(60)
    ]]
    assert.equal("closed task\n", result.out)
    assert.equal(0, result.status)
  end)

  it("prints lines in one piece", function()
    local result = run [[
      local list = {}
      local function many(letter)
        for _ = 1, 300 do print(letter:rep(10), letter:rep(10)) end
      end
      for letter in ("abc"):gmatch "." do
        list[#list + 1] = start { target = many, args = { letter } }
      end
      many "m"
    ]]
    local lines = 0
    for line in result.out:gmatch "[^\n]*\n" do
      assert.matches("^(%a)%1%1%1%1%1%1%1%1%1\t%1%1%1%1%1%1%1%1%1%1\n$", line)
      lines = lines + 1
    end
    assert.equal(1200, lines)
  end)

  it("can send functions that have kept Lua's own print", function()
    local result = run [[
      local before = print
      start {}:close()
      start { target = function() before "kept" end }
    ]]
    assert.equal("", result.err)
    assert.equal("kept\n", result.out)
  end)

  it("finds modules in its threads where it finds them itself", function()
    local result = run [[
      package.path = "nowhere/?.lua;" .. package.path
      package.cpath = "nowhere/?.so;" .. package.cpath
      print(start { target = function(path, cpath)
        return package.path == path and package.cpath == cpath, require "crun.pool" ~= nil
      end, args = { package.path, package.cpath } }:get())
    ]]
    assert.equal("true\ttrue\n", result.out)
  end)

  it("starts children from its threads that take signals", function()
    local result = run [[
      print(start { target = function()
        return io.popen("grep SigBlk /proc/self/status"):read "a"
      end }:get())
    ]]
    assert.matches("SigBlk:%s*0000000000000000", result.out)
  end)

  it("has its threads watched and preempted as itself", function()
    local result = run [[
      crun.watchdog(5)
      crun.preempt(0.01)
      print(start { target = function() return crun.watchdog(), crun.preempt() end }:get())
    ]]
    assert.equal("5.0\t0.01\n", result.out)
  end)

  it("is told of a deadlock among its own tasks while a thread lives", function()
    local result = run [[
      local lock = crun.Lock()
      lock:acquire()
      print(start { target = function() return "thread" end }:get())
      crun.spawn(lock.acquire, lock):join()
    ]]
    assert.matches("^thread\n", result.out)
    assert.matches("deadlock", result.err)
  end)
end)

describe("to_thread", function()
  it("returns what the function returns, and raises what it raises", function()
    local result = run [[
      print(crun.to_thread(function(...) return select("#", ...), ... end, 1, nil, nil))
      print(pcall(crun.to_thread, error, { 1 }))
      print(select(2, pcall(crun.to_thread, error, "text", 0)))
      print(select(2, pcall(function() crun.to_thread(print, io.stdout, io.tmpfile()) end)))
      print(select(2, pcall(function() crun.to_thread "x" end)))
    ]]
    local lines = {}
    for line in result.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal("3\t1\tnil\tnil", lines[1])
    assert.matches("^false\ttable", lines[2])
    assert.equal("text", lines[3])
    assert.matches("^script.lua:%d+: args%[2%]: userdata cannot be sent to a thread", lines[4])
    assert.matches("^script.lua:%d+: bad argument #1 to 'to_thread'", lines[5])
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("lets other tasks go on, and uses its threads again", function()
    local result = run [[
      local function ident() return crun.current_thread().ident end
      local first = crun.to_thread(ident)
      for _ = 1, 5 do assert(crun.to_thread(ident) == first) end
      local tasks = {}
      for i = 1, 40 do
        tasks[i] = crun.spawn(crun.to_thread, function()
          crun.sleep(0.01)
          return crun.current_thread().ident
        end)
      end
      local different, n = {}, 0
      for _, task in ipairs(tasks) do
        local id = task:get()
        if not different[id] then different[id], n = true, n + 1 end
      end
      print(n > 1 and n <= 32, #crun.threads() == n)
    ]]
    assert.equal("true\ttrue\n", result.out)
    assert.equal("", result.err)
  end)

  it("is left at once by a cancel or a timeout, which ends the function", function()
    local result = run [[
      local began = crun.Event()
      print(select(3, crun.with_timeout(0.1, crun.to_thread, function(event)
        local g <close> = guarded "function"
        event:set()
        while true do string.rep("x", 10) end
      end, began)))
      assert(began:is_set())
    ]]
    assert.equal("", result.err)
    assert.equal("ETIMEDOUT\nclosed function\n", result.out)
    assert.equal(0, result.status)
  end)
end)
