-- SPDX-License-Identifier: MIT

-- crun.dump, and SIGQUIT under the program: who is there, where, and what each waits for.
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both, virtual = support.both, support.virtual

local function line_of(fn)
  return debug.getinfo(fn, "S").linedefined
end

-- The part of a dump that is about one task.
local function part(text, name)
  local from = text:find("\n" .. name:gsub("%p", "%%%0"))
  assert.truthy(from, name .. " is not in\n" .. text)
  return text:match("^\n([^\n]*\n[\t\n][^\0]-)\n%f[%w]%a+#?%d*[^\n]-: ", from) or text:sub(from + 1)
end

describe("the dump", function()
  both("has each task's state, wait, place of spawn and traceback", function()
    local queue = crun.Queue()
    local function getter() queue:get() end
    local stuck = crun.spawn(getter)
    stuck.name = "stuck"
    crun.yield()
    local fresh = crun.spawn(getter)
    local text = crun.dump_string()
    assert.matches("^crun: %d+ tasks? at %d+%.%d+ s on the hub's clock\n", text)
    local mine = part(text, ("task#%d 'stuck'"):format(stuck.id))
    assert.matches("waiting: Queue:get %(0 items%), for 0%.%d+ s\n", mine)
    assert.matches("\n\tspawned at [^\n]*dump_spec%.lua:%d+\n", mine)
    assert.matches("\n\tstack traceback:\n\t\t%[C%]: in method 'get'\n", mine)
    assert.matches("dump_spec%.lua:" .. line_of(getter) .. ": in function", mine)
    assert.matches("task#" .. fresh.id .. ": new\n\tspawned at", text)
    assert.matches(": running\n", text)
    crun.killall { stuck, fresh }
  end)

  virtual("says since when a wait lasts, on the hub's clock", function()
    local event = crun.Event()
    local task = crun.spawn(event.wait, event)
    crun.sleep(90)
    local seconds = crun.dump_string():match("Event:wait, for (%d+%.%d+) s")
    assert.truthy(math.abs(tonumber(seconds) - 90) < 0.01, seconds)
    task:cancel()
    task:join()
  end)

  it("says the same on the machine's clock, within a few milliseconds", function()
    local event = crun.Event()
    local task = crun.spawn(event.wait, event)
    local began = crun.now()
    crun.sleep(0.05)
    local seconds = tonumber(crun.dump_string():match("Event:wait, for (%d+%.%d+) s"))
    local most = crun.now() - began
    assert.truthy(seconds >= 0.03 and seconds <= most + 0.03, seconds)
    task:cancel()
    task:join()
  end)

  virtual("says how long a wait with a timeout still has", function()
    local task = crun.spawn(function() crun.Event():wait(10) end)
    crun.sleep(4)
    assert.matches("Event:wait, 6%.000 s left\n", crun.dump_string())
    task:cancel()
    task:join()
  end)

  both("says who holds what is waited for, and what each task holds", function()
    local lock, stop = crun.Lock(), crun.Event()
    local holder = crun.spawn(function()
      local _ <close> = lock:hold()
      stop:wait()
    end)
    holder.name = "holder"
    local waiter = crun.spawn(lock.with, lock, function() end)
    crun.yield()
    local text = crun.dump_string()
    assert.matches("Lock:acquire [^\n]*\n\twhich task#%d+ 'holder' holds %(taken at [^\n]*:%d+%)\n",
      text)
    assert.matches("\tholds Lock %(taken at [^\n]*%.lua:%d+%)\n",
      part(text, ("task#%d 'holder'"):format(holder.id)))
    stop:set()
    crun.joinall { holder, waiter }
  end)

  both("shows coroutines inside of each other, the innermost first", function()
    local stop = crun.Event()
    local function innermost() stop:wait() end
    local function middle() assert(coroutine.resume(coroutine.create(innermost))) end
    local function outer() coroutine.wrap(middle)() end
    local task = crun.spawn(outer)
    crun.yield()
    local text = task:traceback()
    local a = text:find(":" .. line_of(innermost) .. ":")
    local b = text:find(":" .. line_of(middle) .. ":")
    local c = text:find(":" .. line_of(outer) .. ":")
    assert.truthy(a and b and c and a < b and b < c, text)
    local _, links = text:gsub("\ninside of stack traceback:", "")
    assert.equal(2, links)
    assert.truthy(crun.dump_string():find("inside of", 1, true))
    stop:set()
    task:join()
  end)

  it("works from inside a coroutine inside of a task", function()
    local text
    crun.spawn(function()
      coroutine.wrap(function() text = crun.dump_string() end)()
    end):join()
    assert.matches(": running\n[^\0]*inside of stack traceback:", text)
  end)

  it("marks daemons and who has been cancelled", function()
    local stop = crun.Event()
    local task = crun.spawn(function() crun.shield(stop.wait, stop) end)
    task.daemon = true
    crun.yield()
    task:cancel()
    assert.matches("Event:wait, for [^\n]*, daemon\n", crun.dump_string())
    stop:set()
    task:join()
  end)

  it("goes to a file, or to whatever has a method write", function()
    local file = assert(io.tmpfile())
    crun.dump(file)
    file:seek("set")
    assert.matches("^crun: %d+ tasks? at", file:read("a"))
    file:close()
    local written
    crun.dump { write = function(_, text) written = text end }
    assert.matches("^crun: %d+ tasks? at", written)
    support.refuses({ "file expected" }, function() crun.dump(7) end)
  end)

  it("goes to stderr by default", function()
    local result = process.run [[require("crun").dump() print("after")]]
    assert.matches("^crun: 1 task at %d+%.%d+ s on the hub's clock\nmain: running\n", result.err)
    assert.equal("after\n", result.out)
  end)
end)

local PRELUDE = [[
local crun = require "crun"
local function quit_soon(before)
  SIGNALLER = io.popen("read -r go; " .. (before or "") .. " kill -QUIT $PPID; read -r go", "w")
  SIGNALLER:write("\n"):flush()
end
-- Computes until the dump has been printed into the file that is our stderr.
local function printed()
  local file = assert(io.open("/proc/self/fd/2"))
  local text = file:read("a")
  file:close()
  return text:find("hub's clock", 1, true) and text:find("main: ", 1, true)
end
local function compute() repeat for _ = 1, 1000 do end until printed() end
]]

describe("SIGQUIT", function()
  if not process.under_crun then return end

  local function run(text)
    local result = process.run(PRELUDE .. text .. "\nSIGNALLER:write('\\n'):close() print('on')")
    assert.same({ 0, "on\n" }, { result.status, result.out })
    local _, dumps = result.err:gsub("crun: %d+ tasks? at", "")
    assert.equal(1, dumps)
    return result.err
  end

  it("prints the tasks while the main chunk computes", function()
    local err = run "quit_soon() compute()"
    assert.matches("main: running\n\tstack traceback:\n[^\0]*script.lua:%d+: in main chunk", err)
  end)

  it("prints them while a coroutine inside of a task computes", function()
    local err = run [[
      crun.spawn(function()
        coroutine.wrap(function() quit_soon() compute() end)()
      end):join()
    ]]
    assert.matches("task#2: running\n[^\0]*inside of stack traceback:\n%s*%[C%]: in ", err)
    assert.matches("main: waiting: join of task#2", err)
  end)

  it("prints them while the hub waits", function()
    local err = run [[
      quit_soon("sleep 0.1;")
      crun.spawn(function() repeat crun.sleep(0.02) until printed() end):join()
    ]]
    assert.matches("main: waiting: join of task#2, for %d+%.%d+ s", err)
  end)

  it("prints them while tasks take turns without end", function()
    run [[
      quit_soon()
      local done
      crun.spawn(function() repeat for _ = 1, 1000 do crun.yield() end until done end)
      repeat for _ = 1, 100 do crun.yield() end until printed()
      done = true
    ]]
  end)
end)
