-- SPDX-License-Identifier: MIT

local core = require "crun.core"
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local testing = require "crun.testing"
local both = support.both

-- busted looks a spec's globals up through a function, which would take its share of the C stack.
local string, table, coroutine = string, table, coroutine
local error, load, pcall, setmetatable, tostring = error, load, pcall, setmetatable, tostring

--- Calls itself through string.gsub, each level a C frame, until Lua refuses.
local function recursive_gsub(depth)
  return (string.gsub("x", "x", function() return recursive_gsub((depth or 0) + 1) end))
end

local function recursive_tostring()
  return tostring(setmetatable({}, { __tostring = recursive_tostring }))
end

local function recursive_sort()
  table.sort({ 2, 1 }, function() recursive_sort() return false end)
end

local function recursive_pcall()
  local ok, err = pcall(recursive_pcall)
  if not ok then error(err, 0) end
end

local function recursive_wrap()
  return coroutine.wrap(recursive_wrap)()
end

local function recursive_load()
  return load(function() recursive_load() end)
end

local RECURSIONS = {
  { "string.gsub", recursive_gsub },
  { "tostring", recursive_tostring },
  { "table.sort", recursive_sort },
  { "pcall", recursive_pcall },
  { "coroutine.wrap", recursive_wrap },
}

describe("recursion through C in a task", function()
  for _, recursion in ipairs(RECURSIONS) do
    both(recursion[1] .. ": Lua's own error, and the program goes on", function()
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = crun.spawn(recursion[2])
      end
      crun.joinall(tasks)
      for _, task in ipairs(tasks) do
        assert.equal("failed", task:status())
        assert.matches("overflow", tostring(task:exception()))
      end
      assert.equal(1, crun.spawn(function() crun.yield() return 1 end):get())
    end)
  end

  both("load's reader: refused or nil, never a crash", function()
    crun.spawn(recursive_load):join()
    crun.yield()
  end)

  both("150 levels of gsub with a wait at the bottom come back", function()
    local function descend(depth)
      if depth == 0 then
        crun.sleep(1)
        return "bottom"
      end
      return (string.gsub("x", "x", function() return descend(depth - 1) end))
    end
    local list = {}
    for i = 1, 10 do list[i] = function() return descend(150) end end
    for _, text in ipairs(crun.gather(list)) do
      assert.equal("bottom", text)
    end
  end)

  both("waiting at every level on the way down and up", function()
    local function descend(depth)
      crun.yield()
      if depth == 0 then return "x" end
      local result = string.gsub("x", "x", function() return descend(depth - 1) end)
      crun.yield()
      return result
    end
    assert.equal("x", descend(60))
  end)
end)

describe("many tasks:", function()
  it("100,000 that sleep start, sleep and end", function()
    testing.virtual_clock()
    local count, before = support.scaled(100000), core.stats().tasks
    local ended = 0
    for i = 1, count do
      crun.spawn(function()
        crun.sleep(1 + i % 10)
        ended = ended + 1
      end)
    end
    crun.sleep(0.5)
    assert.equal(before + count, core.stats().tasks)
    crun.sleep(20)
    assert.equal(count, ended)
    assert.equal(before, core.stats().tasks)
  end)

  it("100,000 one after another", function()
    local count = support.scaled(100000)
    local sum = 0
    for i = 1, count do
      sum = sum + crun.spawn(function() return i end):get()
    end
    assert.equal(count * (count + 1) // 2, sum)
  end)

  it("stacks are used again: waves of tasks need no more than one of them", function()
    local function mapped()
      local status = assert(io.open("/proc/self/status"))
      local kilobytes = status:read("a"):match("VmSize:%s*(%d+)")
      status:close()
      return tonumber(kilobytes) / 1024
    end
    testing.virtual_clock()
    local function wave()
      local tasks = {}
      for i = 1, 50 do
        tasks[i] = crun.spawn(function() string.gsub("x", "x", function() crun.sleep(1) end) end)
      end
      crun.joinall(tasks)
    end
    wave()
    local before = mapped()
    for _ = 1, 20 do wave() end
    assert.is_true(mapped() < before + 100)
  end)

  it("beyond the stack budget waits that can yield hold no stack", function()
    testing.virtual_clock()
    core.stack_budget(10)
    local tasks = {}
    for i = 1, 500 do
      tasks[i] = crun.spawn(function()
        crun.sleep(1)
        return i
      end)
    end
    crun.sleep(0.5)
    assert.is_true(core.stats().parked_by_stack <= 12)
    for i = 1, 500 do assert.equal(i, tasks[i]:get()) end
  end)

  it("beyond the stack budget waits inside C frames still park by stack", function()
    testing.virtual_clock()
    core.stack_budget(4)
    local count = support.scaled(2000)
    local list = {}
    for i = 1, count do
      list[i] = function()
        return (string.gsub(i, ".+", function(text)
          crun.sleep(1)
          return text
        end))
      end
    end
    local got = crun.gather(list)
    for i = 1, count do assert.equal(tostring(i), got[i]) end
    local stats = core.stats()
    assert.is_true(stats.stacks - stats.stacks_idle < 10)
  end)

  it("the budget may change while tasks wait both ways", function()
    testing.virtual_clock()
    local tasks = {}
    for i = 1, 100 do
      core.stack_budget(i % 3 == 0 and 0 or 50)
      tasks[i] = crun.spawn(function()
        for n = 1, 5 do
          core.stack_budget((i + n) % 2 * 40)
          crun.sleep(i % 7 / 10)
        end
        return i
      end)
      if i % 10 == 0 then crun.yield() end
    end
    for i = 1, 100 do assert.equal(i, tasks[i]:get()) end
  end)

  it("stack_budget returns the old one and refuses what is none", function()
    local old = core.stack_budget()
    assert.equal(1024, old)
    assert.equal(old, core.stack_budget(5))
    assert.equal(5, core.stack_budget(old))
    assert.is_false((pcall(core.stack_budget, -1)))
    assert.is_false((pcall(core.stack_budget, "x")))
  end)
end)

describe("when no more memory can be mapped", function()
  local define = process.has_own_stacks and it or pending
  define("a task gets an error that says so, and the program goes on", function()
    local result = process.run([[
      local crun = require "crun"
      local failures, woke = {}, 0
      local reserve = ("x"):rep(40000000)
      crun.on_error = function(_, err) failures[#failures + 1] = tostring(err) end
      local tasks = {}
      for i = 1, 3000 do
        local ok, task = pcall(crun.spawn, function()
          table.sort({ 1, 2 }, function()
            local ok, err = pcall(crun.sleep, 0.2)
            if ok then woke = woke + 1 else failures[#failures + 1] = tostring(err) end
          end)
        end)
        if ok then tasks[#tasks + 1] = task else failures[#failures + 1] = tostring(task) end
      end
      crun.joinall(tasks)
      reserve = nil
      collectgarbage()
      -- with all of the address space taken, Lua itself may run out of memory in a task
      for _, task in ipairs(tasks) do
        if task:status() == "failed" then failures[#failures + 1] = tostring(task:exception()) end
      end
      print(woke > 10, #failures > 0, #failures + woke >= 3000, failures[1])
      print(crun.spawn(function() crun.yield() return "goes on" end):get())
    ]], { limit = "-v 600000" })
    assert.matches("^true\ttrue\ttrue\t[^\n]+\ngoes on\n$", result.out .. result.err)
    assert.matches("no room for another C stack %(vm.max_map_count is %d+%)", result.out)
    assert.equal(0, result.status)
  end)
end)
