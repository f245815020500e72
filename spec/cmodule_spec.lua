-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local SIGSEGV_STATUS = 128 + 11

local library = os.tmpname()
local compiler = os.getenv("CC") or "cc"
local built = process.command(("%s -shared -fPIC -O0 -o %s spec/support/cmodule.c")
  :format(compiler, library))

local function load_module()
  assert(built.ok, built.err)
  return assert(package.loadlib(library, "luaopen_cmodule"))()
end

describe("a C library that calls back", function()
  local cmodule = load_module()

  both("may be waited in, as if it knew of tasks", function()
    local log = support.log()
    local other = crun.spawn(function()
      for _ = 1, 3 do
        crun.sleep(1)
        log("other")
      end
    end)
    crun.sleep(0.5)
    cmodule.each(function(i)
      log(i)
      crun.sleep(1)
    end)
    other:join()
    assert.equal("1 other 2 other 3 other", log:text())
  end)

  both("is unwound by a cancel and by an error after the wait", function()
    local count = 0
    local task = crun.spawn(cmodule.each, function()
      count = count + 1
      crun.sleep(1)
    end)
    crun.sleep(1.5)
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(2, count)
    local reason = {}
    assert.equal(reason, support.raised(cmodule.each, function()
      crun.yield()
      error(reason)
    end))
  end)

  both("may protect the wait: its lua_pcall gets the error, and only its own", function()
    local reason = {}
    local list = {}
    for i = 1, 5 do
      list[i] = function()
        local value, status = cmodule.guarded(function()
          crun.sleep(6 - i)
          if i % 2 == 0 then error(reason) end
          return i
        end)
        return { value, status }
      end
    end
    local expected = { { 1, 0 }, { reason, 2 }, { 3, 0 }, { reason, 2 }, { 5, 0 } }
    assert.same(expected, crun.gather(list))
  end)
end)

describe("a C library that overflows its stack", function()
  local script = ([[
    local crun = require "crun"
    local cmodule = package.loadlib(%q, "luaopen_cmodule")()
    local function plunge() cmodule.dive() end
    local task = crun.spawn(function()
      crun.yield()
      plunge()
    end)
    task.name = "diver"
    %s
    print("not reached")
  ]])

  local define = process.has_own_stacks and it or pending

  define("in a task: a report names the task and its Lua frames, then the process dies", function()
    local result = process.run(script:format(library, "task:join()"))
    assert.equal(SIGSEGV_STATUS, result.status)
    assert.equal("", result.out)
    assert.matches("C stack overflow in task#%d+ 'diver'\n", result.err)
    assert.matches("stack traceback:\n.*script.lua:3: in plunge\n.*script.lua:6: in ", result.err)
  end)

  define("in a greenlet: the frames are those of the greenlet", function()
    local text = script:gsub("      plunge", "      crun.Greenlet(function() plunge() end):switch")
    local result = process.run(text:format(library, "task:join()"))
    assert.equal(SIGSEGV_STATUS, result.status)
    assert.matches("C stack overflow in task#%d+ 'diver'\n", result.err)
    assert.matches("stack traceback:\n.*script.lua:3: in plunge\n.*script.lua:6: in ", result.err)
  end)

  define("in the main chunk: the process dies all the same", function()
    local result = process.run(script:format(library, "plunge()"))
    assert.equal(SIGSEGV_STATUS, result.status)
    assert.equal("", result.out)
  end)

  teardown(function() os.remove(library) end)
end)
