-- SPDX-License-Identifier: MIT

local crun = require "crun"
local files = require "spec.support.files"
local links = require "spec.support.links"
local process = require "spec.support.process"
local support = require "spec.support"

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

local Process = crun.Process
local raised, refuses = support.raised, support.refuses

--- A started process that runs the function.
local function start(fn, ...)
  return assert(Process { target = fn, args = table.pack(...) }:start())
end

--- A process that has told that it runs, and what it told.
local function running(fn, ...)
  local ready = crun.Queue()
  local p = start(fn, ready, ...)
  return p, ready:get()
end

describe("a Process", function()
  it("calls its target in another process", function()
    local p = start(function(...) return crun.getpid(), select("#", ...), ... end, 1, nil, "x", nil)
    local got = table.pack(p:get())
    assert.equal(6, got.n)
    assert.is_true(got[1] ~= crun.getpid())
    assert.equal(p.pid, got[1])
    assert.same({ 4, 1, nil, "x", nil }, table.move(got, 2, 6, 1, {}))
    assert.same({ false, 0 }, { p:is_alive(), p.exitcode })
    assert.is_true(p:join())
    assert.equal(p.pid, (p:get()))
  end)

  it("tells how far it is", function()
    local p = Process { target = function(ready) ready:put(1) crun.sleep(60) end, name = "sleeper" }
    assert.same({ "sleeper", false, false }, { p.name, p.daemon, p:is_alive() })
    assert.same({}, { p.pid, p.exitcode })
    assert.equal("crun.Process: 'sleeper', not started", tostring(p))
    local alive = running(function(ready) ready:put(1) crun.sleep(60) end)
    assert.same({ true }, { alive:is_alive(), alive.exitcode })
    assert.equal(("crun.Process: '%s', pid %d, running"):format(alive.name, alive.pid),
      tostring(alive))
    alive:kill()
    alive:join()
    assert.same({ false, -9 }, { alive:is_alive(), alive.exitcode })
    assert.matches("pid %d+, was killed by signal 9 %(SIGKILL%)$", tostring(alive))
  end)

  it("has a name and may be a daemon, until it is started", function()
    local first, second = Process {}, Process {}
    assert.matches("^Process%-%d+$", first.name)
    assert.is_true(first.name ~= second.name)
    first.name, first.daemon = "worker", true
    assert.same({ "worker", true }, { first.name, first.daemon })
    assert.equal(first, first:start())
    refuses({ "name", "worker", "started" }, function() first.name = "other" end)
    refuses({ "daemon", "worker", "started" }, function() first.daemon = false end)
    assert.is_true(first:join())
    assert.equal(0, first.exitcode)
  end)

  it("knows itself, in its threads, too", function()
    assert.same({ name = "main", pid = crun.getpid(), main = true }, crun.current_process())
    local p = Process { name = "knows", target = function()
      local thread = crun.Thread { target = function() return crun.current_process() end }
      return crun.current_process(), thread:start():get(), #crun.processes()
    end }
    local here, inner, started = p:start():get()
    assert.same({ name = "knows", pid = p.pid, main = false }, here)
    assert.same(here, inner)
    assert.equal(0, started)
  end)

  it("is listed while it is alive", function()
    assert.same({}, crun.processes())
    local wait = function(ready, go) ready:put(true) go:wait() end
    local go = crun.Event()
    local one, two = running(wait, go), running(wait, crun.Event())
    assert.same({ true, true, 2 },
      { crun.processes()[1] == one, crun.processes()[2] == two, #crun.processes() })
    go:set()
    one:join()
    assert.same({ true, 1 }, { crun.processes()[1] == two, #crun.processes() })
    two:kill()
    two:join()
    assert.same({}, crun.processes())
  end)

  it("is told a name that stands in the list of processes", function()
    local p = Process { name = "a worker's name", target = function()
      local file <close> = assert(io.open("/proc/self/cmdline"))
      return file:read("a")
    end }
    assert.matches("%-%-worker\0a worker's name\0$", p:start():get())
  end)

  it("has globals of its own, and those that its target uses", function()
    process_spec_value = { 1 } -- luacheck: ignore
    local p = start(function()
      process_spec_value[1] = process_spec_value[1] + 1 -- luacheck: ignore
      process_spec_other = true -- luacheck: ignore
      return process_spec_value[1] -- luacheck: ignore
    end)
    assert.equal(2, p:get())
    assert.equal(1, process_spec_value[1]) -- luacheck: ignore
    assert.is_nil(rawget(_ENV, "process_spec_other"))
    process_spec_value = nil -- luacheck: ignore
  end)

  it("may use crun as a variable of its target or require it", function()
    local p = start(function() return rawequal(crun, require "crun"), (crun.sleep(0.001)) end)
    assert.is_true(p:get())
  end)

  it("shares objects with its parent", function()
    local queue, lock = crun.Queue(), crun.Lock()
    lock:acquire()
    local p = start(function()
      queue:put("waits")
      local _ <close> = lock:hold()
      queue:put("has it")
    end)
    assert.equal("waits", queue:get())
    assert.equal("ETIMEDOUT", select(3, queue:get(0)))
    lock:release()
    assert.equal("has it", queue:get())
    p:join()
  end)

  it("can be waited for by many, again and again, and for a while", function()
    local queue = crun.Queue()
    local p = start(function() return queue:get() end)
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { p:join(0) })
    assert.equal("ETIMEDOUT", select(3, p:get(0.001)))
    local tasks = {}
    for i = 1, 5 do tasks[i] = crun.spawn(i % 2 == 0 and p.join or p.get, p) end
    queue:put("done")
    assert.same({ "done", true, "done", true, "done" }, crun.gather(tasks))
    assert.is_true(p:join(0))
  end)

  it("lives until the tasks that its target leaves behind have ended", function()
    local queue = crun.Queue()
    local p = start(function()
      crun.spawn(function() queue:put(queue:get() + 1) end)
      crun.spawn(function() crun.sleep(60) end).daemon = true
    end)
    queue:put(1)
    p:join()
    assert.equal(2, queue:get())
  end)

  it("may start threads, pools and further processes", function()
    local p = start(function()
      local inner = crun.Process { target = function(a)
        local thread = crun.Thread { target = function(b) return b * 2 end, args = { a } }
        return thread:start():get() + 1
      end, args = { 20 } }
      local pool <close> = crun.Pool(2)
      return inner:start():get(), pool:map(function(n) return n * n end, { 1, 2, 3 })
    end)
    assert.same({ 41, { 1, 4, 9 } }, { p:get() })
  end)

  it("is waited for at the end of a scope, and ended if that is left by an error", function()
    local p
    do
      local scoped <close> = start(function() return 1 end)
      p = scoped
    end
    assert.equal(0, p.exitcode)
    assert.equal("left", raised(function()
      local scoped <close> = running(function(ready) ready:put(1) crun.sleep(60) end)
      p = scoped
      error("left", 0)
    end))
    assert.equal(-15, p.exitcode)
    local _ <close> = Process {}
  end)
end)

describe("a class made by Process:extend", function()
  local Counter = Process:extend "Counter"

  function Counter:run()
    self.to = self.to + 1
    return self:sum(), self.name, self.pid == crun.getpid(), tostring(self):match("^%w+")
  end

  function Counter:sum()
    local sum = 0
    for i = self.from, self.to do sum = sum + i end
    return sum
  end

  it("runs its method run in the child, on a copy", function()
    local counter = Counter { from = 1, to = 3, name = "counts" }
    assert.equal(6, counter:sum())
    assert.same({ 10, "counts", true, "Counter" }, { counter:start():get() })
    assert.equal(3, counter.to)
    assert.equal("Counter", tostring(counter):match("^%w+"))
  end)

  it("can be extended again, and call what it replaces", function()
    local Loud = Counter:extend()
    function Loud:run() return "loud", (Counter.run(self)), Process.run(self) end
    local loud = Loud { from = 0, to = 1, target = function(x) return x end, args = { "target" } }
    loud.from = 1
    assert.same({ "loud", 3, "target" }, { loud:start():get() })
  end)
end)

describe("the failure of a Process", function()
  it("arrives where it is waited for", function()
    local p = start(function() error("broken") end)
    assert.matches("^spec/process_spec.lua:%d+: broken$", raised(p.get, p))
    assert.equal(1, p.exitcode)
    assert.matches("broken", raised(p.get, p))
    local object = raised(function() start(function() error { code = 7 } end):get() end)
    assert.same({ code = 7 }, object)
  end)

  it("tells where it was raised", function()
    local p = start(function()
      local function inner() error("broken", 0) end
      inner()
    end)
    assert.is_false(pcall(p.get, p))
    assert.matches("in local 'inner'", p:traceback())
    assert.is_nil(p:traceback():find("crun/", 1, true))
    local good = start(function() crun.sleep(0.001) end)
    assert.equal("", good:traceback())
    good:join()
    assert.equal("", good:traceback())
  end)

  it("is reported once with the child's traceback, where nobody waits", function()
    local failures = support.collect_failures()
    local over = crun.Event()
    local p = start(function() local function deep() error("broken") end deep() end)
    repeat crun.sleep(0.001) until not p:is_alive()
    crun.spawn(function() repeat crun.sleep(0.001) until failures[1] over:set() end)
    assert.is_true(over:wait(10))
    p:join()
    assert.equal(1, #failures)
    assert.matches("broken$", failures[1].err)
    assert.equal(p.name, failures[1].task.name)
    assert.matches("in local 'deep'.*spawned at spec/process_spec.lua:%d+$",
      failures[1].traceback)
    assert.is_nil(failures[1].traceback:find("crun/", 1, true))
  end)

  it("may be what cannot be sent back", function()
    local p = start(function() return coroutine.create(print) end)
    assert.matches("results%[1%]: thread cannot be sent to the parent", raised(p.get, p))
    assert.equal(1, p.exitcode)
  end)
end)

describe("what cannot be sent to a Process", function()
  it("is named at the line of start", function()
    local file <close> = assert(io.tmpfile())
    for words, p in pairs {
      ["upvalue 'file' (userdata) of function at spec/process_spec.lua"] =
        Process { target = function() return file end },
      ["args[2].file: userdata cannot be sent to a process"] =
        Process { target = print, args = { 1, { file = file } } },
      ["args[1]: a Process cannot be sent to a process"] =
        Process { target = print, args = { Process {} } },
    } do
      refuses({ words }, function() p:start() end)
      p:join()
      assert.equal(-9, p.exitcode)
    end
  end)
end)

describe("the end of a Process", function()
  it("has the status given to os.exit", function()
    for status, argument in pairs { [3] = 3, [0] = true, [1] = false } do
      local p = start(function() os.exit(argument) end)
      assert.matches(("^EWORKERDIED: process '%%S+' %%(pid %%d+%%) exited with status %d$")
        :format(status), raised(p.get, p))
      assert.equal(status, p.exitcode)
    end
  end)

  for how, body in pairs {
    ["waits"] = function() crun.sleep(60) end,
    ["computes #nosan"] = function() while true do end end,
  } do
    it("comes by terminate, with clean-ups, while it " .. how, function()
      local marks = os.tmpname()
      local p = start(function()
        local file <close> = assert(io.open(marks, "w"))
        local _ <close> = setmetatable({}, { __close = function()
          crun.shield(crun.sleep, 0.001)
          file:write("cleaned")
        end })
        file:write("here, ")
        file:flush()
        body()
      end)
      while files.read(marks) == "" do crun.sleep(0.001) end
      assert.is_true(p:terminate())
      assert.is_true(p:join())
      assert.equal(-15, p.exitcode)
      assert.is_false(p:terminate())
      assert.is_false(p:kill())
      assert.matches("was killed by signal 15 %(SIGTERM%)$", raised(p.get, p))
      assert.equal("here, cleaned", files.read(marks))
      os.remove(marks)
    end)
  end

  it("comes by terminate when it computes since it was cancelled #nosan", function()
    local p = running(function(ready)
      ready:put(1)
      while true do end
    end)
    p:terminate()
    p:join()
    assert.equal(-15, p.exitcode)
  end)

  it("comes by kill, whatever it does", function()
    local p = running(function(ready)
      ready:put(1)
      while true do pcall(function() while true do end end) end
    end)
    p:terminate()
    assert.equal("ETIMEDOUT", select(3, p:join(0.02)))
    assert.is_true(p:kill())
    p:join()
    assert.equal(-9, p.exitcode)
  end)

  it("comes by terminate for one that is stopped, too", function()
    local p = running(function(ready) ready:put(1) crun.sleep(60) end)
    os.execute("kill -STOP " .. p.pid)
    assert.is_true(p:is_alive())
    assert.equal("ETIMEDOUT", select(3, p:join(0.02)))
    p:terminate()
    p:join()
    assert.equal(-15, p.exitcode)
  end)

  it("by a signal of somebody else's is a failure", function()
    local failures = support.collect_failures()
    local p = running(function(ready) ready:put(1) crun.sleep(60) end)
    os.execute("kill -KILL " .. p.pid)
    while not failures[1] do crun.sleep(0.001) end
    assert.matches("^EWORKERDIED: process '%S+' %(pid %d+%) was killed by signal 9 %(SIGKILL%)$",
      failures[1].err)
    assert.is_false(p:is_alive())
  end)

  it("is none when the task that waits for it is cancelled", function()
    local queue = crun.Queue()
    local p = start(function() return queue:get() end)
    local waiter = crun.spawn(p.join, p)
    crun.yield()
    waiter:cancel()
    waiter:join()
    assert.is_true(p:is_alive())
    queue:put("done")
    assert.equal("done", p:get())
  end)

  it("leaves nothing behind, ten thousand times", function()
    local function tables() return collectgarbage("count") end
    local pool <close> = crun.Pool(8)
    local n, before = support.scaled(10000, 16, 200), nil
    for round = 1, 2 do
      pool:map(function(i)
        local p = Process { target = function(x) return x + 1 end, args = { i } }
        assert.equal(i + 1, p:start():get())
      end, function(_, i) return i < n / 2 and i + 1 or nil end, nil, 0)
      collectgarbage()
      collectgarbage()
      before = before or tables()
      if round == 2 then assert.is_true(tables() < before + 256) end
    end
    local zombies = process.command("ps -o stat= --ppid " .. crun.getpid()).out
    assert.is_nil(zombies:find("Z", 1, true))
  end)
end)

describe("misuse of a Process", function()
  it("is refused at the caller's line", function()
    refuses({ "unknown option 'nam'" }, function() Process { nam = "x" } end)
    refuses({ "target", "function", "number" }, function() Process { target = 1 } end)
    refuses({ "args", "list", "string" }, function() Process { args = "x" } end)
    refuses({ "name", "string", "number" }, function() Process { name = 1 } end)
    refuses({ "daemon", "boolean" }, function() Process { daemon = 1 } end)
    refuses({ "table of options", "function" }, function() Process(print) end)
    refuses({ "'extend'", "string", "number" }, function() Process:extend(5) end)
    refuses({ "#2 to 'Process' (nothing expected there, got function)" },
      function() Process(nil, print) end)
    local p = Process { name = "unused" }
    for _, method in ipairs { "join", "get", "terminate", "kill" } do
      refuses({ "'unused'", "not been started" }, function() p[method](p) end)
    end
    refuses({ "no field 'size'" }, function() p.size = 1 end)
    refuses({ "no field 'pid'" }, function() p.pid = 1 end)
    refuses({ "name", "string" }, function() p.name = 5 end)
    refuses({ "start", "crun.Process", "number" }, function() Process.start(1) end)
    p:start()
    refuses({ "'unused'", "started before" }, function() p:start() end)
    refuses({ "join", "seconds", "x" }, function() p:join("x") end)
    p:join()
    refuses({ "'unused'", "started before" }, function() p:start() end)
  end)
end)
