-- SPDX-License-Identifier: MIT

local crun = require "crun"
local links = require "spec.support.links"
local process = require "spec.support.process"
local support = require "spec.support"
local threads = require "spec.support.threads"

local Thread = crun.Thread

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

local start = threads.start
local raised, refuses = support.raised, support.refuses


--- A queue to which a thread can tell how far it is.
local function signal()
  return crun.Queue()
end

describe("a Thread", function()
  it("calls its target in another thread and state", function()
    local here = crun.current_thread()
    local thread = start(function(...)
      local there = crun.current_thread()
      return there.ident, there.name, there.main, select("#", ...), ...
    end, 1, nil, "x", nil)
    local got = table.pack(thread:get())
    assert.equal(8, got.n)
    assert.is_true(got[1] ~= here.ident)
    assert.equal(thread.ident, got[1])
    assert.equal(thread.name, got[2])
    assert.is_false(got[3])
    assert.same({ 4, 1, nil, "x", nil }, table.move(got, 4, 8, 1, {}))
    assert.is_false(thread:is_alive())
    assert.is_true(thread:join())
  end)

  it("has globals of its own, and those that its target uses", function()
    _G.thread_spec_value = { 1 }
    local thread = start(function()
      thread_spec_value[1] = thread_spec_value[1] + 1 -- luacheck: ignore
      thread_spec_other = true -- luacheck: ignore
      return thread_spec_value[1] -- luacheck: ignore
    end)
    assert.equal(2, thread:get())
    assert.equal(1, _G.thread_spec_value[1])
    assert.is_nil(rawget(_G, "thread_spec_other"))
    _G.thread_spec_value = nil
  end)

  it("raises its target's error in get, with the traceback from there", function()
    local thread = start(function()
      local function inner() error("boom") end
      inner()
    end)
    local err = raised(thread.get, thread)
    assert.matches("thread_spec.lua:%d+: boom$", err)
    assert.matches("in local 'inner'", thread:traceback())
    local failing = start(function() error { code = 7 } end)
    assert.same({ code = 7 }, raised(failing.get, failing))
  end)

  it("reports a failure that nobody waits for, with the traceback from there", function()
    local failures = support.collect_failures()
    local thread = start(function() error("unseen") end)
    while thread:is_alive() do crun.sleep(0.001) end
    assert.equal(1, #failures)
    assert.matches("unseen", failures[1].err)
    assert.matches("thread_spec.lua", failures[1].traceback)
    assert.equal(thread.name, failures[1].task.name)
  end)

  it("runs its tasks to their end before it ends itself", function()
    local queue = signal()
    local thread = start(function(done)
      crun.spawn(function()
        for _ = 1, 3 do crun.yield() end
        done:put("child")
      end)
      crun.spawn(function() crun.sleep(99) end).daemon = true
      return "target"
    end, queue)
    assert.equal("target", thread:get())
    assert.equal("child", queue:get_nowait())
  end)

  it("has a name, an ident once it is started, a daemon flag", function()
    local thread = Thread { name = "worker", daemon = true, target = function() end }
    assert.equal("worker", thread.name)
    assert.is_true(thread.daemon)
    assert.is_nil(thread.ident)
    assert.is_false(thread:is_alive())
    assert.equal("crun.Thread: 'worker', not started", tostring(thread))
    thread.name, thread.daemon = "other", false
    thread:start()
    assert.equal("math", math.type(thread.ident) and "math")
    assert.equal("crun.Thread: 'other', running", tostring(thread))
    refuses({ "the name of thread 'other' cannot be set once it has been started" },
      function() thread.name = "late" end)
    thread:join()
    assert.equal("crun.Thread: 'other', ended", tostring(thread))
    assert.matches("^Thread%-%d+$", Thread().name)
  end)

  it("is listed while it is alive", function()
    assert.same({}, crun.threads())
    local go = crun.Event()
    local one, two = start(function(event) event:wait() end, go), Thread():start()
    assert.is_true(crun.threads()[2] == two)
    go:set()
    one:join()
    assert.is_true(crun.threads()[1] == two)
    two:close()
    two:join()
    assert.same({}, crun.threads())
  end)

  it("starts threads of its own", function()
    local thread = start(function()
      local inner = crun.Thread { target = function(n) return n + 1 end, args = { 1 } }
      return inner:start():get() + 1
    end)
    assert.equal(3, thread:get())
  end)

  it("can be joined by many, and with a limit", function()
    local go = crun.Event()
    local thread = start(function(event) event:wait() end, go)
    assert.equal("ETIMEDOUT", select(3, thread:join(0)))
    assert.equal("ETIMEDOUT", select(3, thread:get(0.001)))
    local joined = 0
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = crun.spawn(function()
        thread:join()
        joined = joined + 1
      end)
    end
    crun.yield()
    go:set()
    crun.joinall(tasks)
    assert.equal(5, joined)
  end)

  it("does not start when its target or an argument cannot be sent", function()
    local file = io.tmpfile()
    refuses({ "file", "userdata", "cannot be sent to a thread" }, function()
      Thread { target = function() return file end }:start()
    end)
    refuses({ "args[2].x", "cannot be sent" }, function()
      Thread { target = print, args = { 1, { x = coroutine.create(print) } } }:start()
    end)
    file:close()
    assert.same({}, crun.threads())
  end)

  it("refuses misuse", function()
    refuses({ "bad argument #1 to 'Thread' (unknown option 'traget')" },
      function() Thread { traget = print } end)
    refuses({ "bad argument #2 to 'Thread' (nothing expected there, got function)" },
      function() Thread(nil, print) end)
    refuses({ "option 'target': function expected, got string" },
      function() Thread { target = "print" } end)
    refuses({ "option 'args': list expected, got number" },
      function() Thread { target = print, args = 1 } end)
    refuses({ "table of options expected, got function" }, function() Thread(print) end)
    local thread = Thread { target = function() end, name = "once" }
    for _, method in ipairs { "join", "get", "cancel", "close", "submit", "call_soon" } do
      refuses({ "thread 'once' has not been started" },
        function() thread[method](thread, print) end)
    end
    refuses({ "has no field 'color' to set" }, function() thread.color = 1 end)
    refuses({ "a Thread's name must be a string without zero bytes" },
      function() thread.name = "a\0b" end)
    refuses({ "a Thread's daemon must be a boolean, not a number" },
      function() thread.daemon = 1 end)
    thread:start()
    refuses({ "thread 'once' has been started before" }, function() thread:start() end)
    refuses({ "seconds expected, got soon" }, function() thread:join("soon") end)
    thread:join()
  end)

  it("as a scope waits for its end; left by an error, cancels it", function()
    local thread
    do
      local scope <close> = start(function() return 5 end)
      thread = scope
    end
    assert.is_false(thread:is_alive())
    assert.equal(5, thread:get())
    assert.is_false(pcall(function()
      local scope <close> = start(function() crun.sleep(60) end)
      thread = scope
      error "out"
    end))
    assert.is_false(thread:is_alive())
  end)
end)

describe("a class made by Thread:extend", function()
  local Counter = Thread:extend "Counter"

  function Counter:run()
    self.to = self.to + 1
    return self:sum(), self.name, self.ident == crun.current_thread().ident,
      tostring(self):match("^(%w+): .*here$")
  end

  function Counter:sum()
    local sum = 0
    for i = self.from, self.to do sum = sum + i end
    return sum
  end

  it("runs its method run in the thread, on a copy", function()
    local counter = Counter { from = 1, to = 3, name = "counts" }
    assert.equal(6, counter:sum())
    assert.same({ 10, "counts", true, "Counter" }, { counter:start():get() })
    assert.equal(3, counter.to)
    assert.equal("Counter: 'counts', ended", tostring(counter))
    refuses({ "'extend'", "string", "number" }, function() Thread:extend(5) end)
  end)

  it("can be extended again, and call what it replaces", function()
    local Loud = Counter:extend()
    function Loud:run() return "loud", (Counter.run(self)), Thread.run(self) end
    local loud = Loud { from = 0, to = 1, target = function(x) return x end, args = { "target" } }
    loud.from = 1
    assert.same({ "loud", 3, "target" }, { loud:start():get() })
  end)

  it("ends once run has returned, and is waited for", function()
    local Quiet = Thread:extend()
    function Quiet.run() crun.sleep(0.001) end
    local quiet = Quiet():start()
    assert.is_true(quiet:join(60))
    assert.same({}, crun.threads())
  end)

  it("tells where run failed, and which field cannot be sent", function()
    local Bad = Thread:extend "Bad"
    function Bad:run() error(self.text, 0) end -- luacheck: ignore
    local bad = Bad { text = "broken" }:start()
    assert.equal("broken", raised(bad.get, bad))
    assert.matches("in method 'run'\nspawned at", bad:traceback())
    local file <close> = io.tmpfile()
    refuses({ "self.file: userdata cannot be sent to a thread" },
      function() Bad { file = file }:start() end)
  end)
end)

describe("a Thread without a target", function()
  it("does what it is asked, until it is closed", function()
    local thread = assert(Thread {}:start())
    local future = thread:submit(function(a, b) return a + b, nil end, 1, 2)
    assert.equal(2, select("#", future:get()))
    assert.equal(3, (future:get()))
    assert.matches("no!$", raised(function()
      thread:submit(function() error("no!", 0) end):get()
    end))
    local queue = signal()
    local function put(q, item) q:put(item) end
    for i = 1, 5 do assert.is_true(thread:call_soon(put, queue, i)) end
    for i = 1, 5 do assert.equal(i, queue:get()) end
    thread:submit(function() crun.sleep(0.01) end)
    thread:close()
    assert.is_nil(thread:get())
    assert.equal("ECLOSED", select(3, thread:call_soon(print)))
    assert.matches("^ECLOSED:", raised(function() thread:submit(print):get() end))
  end)

  it("keeps what its calls leave behind", function()
    local thread = assert(Thread {}:start())
    -- luacheck: push ignore counter
    thread:submit(function() counter = 1 end):get()
    thread:submit(function() counter = counter + 1 end):get()
    assert.equal(2, thread:submit(function() return counter end):get())
    -- luacheck: pop
    thread:cancel()
    thread:join()
    assert.is_nil(rawget(_G, "counter"))
  end)

  it("cancels a call whose Future is cancelled", function()
    local thread, queue = assert(Thread {}:start()), signal()
    local future = thread:submit(function(q)
      local _ <close> = setmetatable({}, { __close = function() q:put("closed") end })
      q:put("began")
      crun.sleep(60)
    end, queue)
    assert.equal("began", queue:get())
    future:cancel("enough")
    assert.equal("closed", queue:get())
    assert.equal("enough", raised(future.get, future).reason)
    thread:close()
    thread:join()
  end)
end)

describe("cancelling a Thread", function()
  it("ends its waits; <close> runs there", function()
    local queue = signal()
    local thread = start(function(q)
      local _ <close> = setmetatable({}, { __close = function() q:put("closed") end })
      q:put("began")
      crun.sleep(60)
    end, queue)
    queue:get()
    assert.is_true(thread:cancel("enough"))
    local err = raised(thread.get, thread)
    assert.equal("enough", err.reason)
    assert.matches("thread_spec.lua", err.origin)
    assert.equal("closed", queue:get_nowait())
    assert.is_false(thread:cancel())
  end)

  it("ends its waits inside of C functions and coroutines", function()
    local queue = signal()
    local thread = start(function(q)
      coroutine.wrap(function()
        table.sort({ 1, 2, 3 }, function()
          q:put("began")
          crun.sleep(60)
        end)
      end)()
    end, queue)
    queue:get()
    thread:cancel()
    assert.is_true(thread:join(30))
  end)

  it("stops code that computes; <close> runs there", function()
    local queue = signal()
    local thread = start(function(q)
      local _ <close> = setmetatable({}, { __close = function() q:put("closed") end })
      q:put("began")
      crun.yield()
      while true do string.rep("x", 10) end
    end, queue)
    queue:get()
    assert.is_true(thread:cancel("enough"))
    assert.equal("enough", raised(thread.get, thread).reason)
    assert.equal("closed", queue:get_nowait())
  end)

  it("raises once in code that computes, and again when asked again", function()
    local queue = signal()
    local thread = start(function(q)
      local caught = 0
      q:put("began")
      while caught < 3 do
        local ok, err = pcall(function() while true do string.rep("x", 10) end end)
        if ok or not err.reason then return "not cancelled" end
        caught = caught + 1
        crun.shield(q.put, q, caught)
      end
      return caught
    end, queue)
    assert.equal("began", queue:get())
    for i = 1, 3 do
      assert.is_true(thread:cancel("number " .. i))
      assert.equal(i, queue:get())
    end
    assert.equal(3, thread:get())
  end)

  it("stops tasks that its target has left behind", function()
    local queue = signal()
    local thread = start(function(q)
      crun.spawn(function()
        q:put("began")
        crun.sleep(0)
        while true do string.rep("x", 10) end
      end)
    end, queue)
    queue:get()
    thread:cancel()
    assert.is_true(thread:join(30))
  end)

  it("right after the start keeps the target from running, or ends it", function()
    for _ = 1, support.scaled(50) do
      local thread = start(function() crun.sleep(60) end)
      assert.is_true(thread:cancel("early"))
      assert.equal("early", raised(thread.get, thread).reason)
    end
  end)

  it("does not reach into a shield, but behind it", function()
    local queue, go = signal(), crun.Event()
    local thread = start(function(q, event)
      crun.shield(function()
        q:put("began")
        event:wait()
        q:put("finished")
      end)
      crun.sleep(60)
    end, queue, go)
    queue:get()
    thread:cancel()
    go:set()
    assert.equal("finished", queue:get())
    assert.is_true(thread:join(30))
  end)

  it("by cancelling the task that joins it does not happen", function()
    local go = crun.Event()
    local thread = start(function(event)
      event:wait()
      return "whole"
    end, go)
    local task = crun.spawn(thread.join, thread)
    crun.yield()
    task:cancel()
    task:join()
    go:set()
    assert.equal("whole", thread:get())
  end)
end)

describe("starting threads", function()
  it("in a loop leaves nothing behind", function()
    local function tasks_of_kernel()
      local n = 0
      for _ in require("lfs").dir("/proc/self/task") do n = n + 1 end
      return n
    end
    start(function() end):join()
    local before = tasks_of_kernel()
    for i = 1, support.scaled(200, 20) do assert.equal(i, start(function() return i end):get()) end
    assert.equal(before, tasks_of_kernel())
  end)

  it("many at once", function()
    local list, sum = {}, 0
    for i = 1, 20 do list[i] = start(function(n) return n end, i) end
    for i = 1, 20 do sum = sum + list[i]:get() end
    assert.equal(210, sum)
  end)

  for limit, codes in pairs { ["-n 40"] = "EMFILE" } do
    it("fails with a code where the system has no more: ulimit " .. limit, function()
      local result = process.run([[
        local crun = require "crun"
        local threads, thread, message, code = {}
        repeat
          thread, message, code = crun.Thread { target = crun.sleep, args = { 60 } }:start()
          threads[#threads + 1] = thread
        until not thread
        print(message, code)
        for _, thread in ipairs(threads) do thread:cancel() end
        for _, thread in ipairs(threads) do thread:join() end
        print "done"
      ]], { limit = limit })
      assert.equal("", result.err)
      assert.matches("^" .. codes .. ": .+\t" .. codes .. "\ndone\n$", result.out)
    end)
  end
end)
