-- SPDX-License-Identifier: MIT

-- Preemption: who computes for too long lets others run. Times here are real; they are only ever
-- waited for, never measured. Loops make tables, as some checkers deliver signals in malloc only.
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"

local SLICE = 0.002

-- Computes until the condition holds. That it ends at all is what these tests are about.
local function compute_until(condition)
  local made = 0
  repeat
    for i = 1, 100 do
      local t = { i }
      made = made + #t
    end
  until condition()
  return made
end

local function with_slice(fn)
  return function()
    crun.preempt(SLICE)
    local ok, err = pcall(fn)
    crun.preempt(nil)
    assert.equal(nil, crun.preempt(nil))
    if not ok then error(err, 0) end
  end
end

local function it_preempts(title, fn)
  it(title, with_slice(fn))
end

describe("a task that computes", function()
  it("is not interrupted by default", function()
    local ran = false
    local task = crun.spawn(function() ran = true end)
    local began = os.clock()
    compute_until(function() return os.clock() - began > 0.05 end)
    assert.is_false(ran)
    task:join()
  end)

  it_preempts("lets others run, and so does the main one", function()
    local flag = {}
    local a = crun.spawn(function() compute_until(function() return flag.b end) flag.a = true end)
    local b = crun.spawn(function() flag.b = true compute_until(function() return flag.a end) end)
    compute_until(function() return a:done() and b:done() end)
  end)

  it_preempts("lets timers and I/O be served", function()
    local slept
    crun.spawn(function() crun.sleep(0.001) crun.sleep(0.001) slept = true end)
    compute_until(function() return slept end)
  end)

  it_preempts("is interrupted in a coroutine, in a comparator, in a callback of gsub", function()
    if process.under_crun then
      local ran
      crun.spawn(function() crun.sleep(0.001) ran = true end)
      coroutine.wrap(function()
        coroutine.wrap(function() compute_until(function() return ran end) end)()
      end)()
    end
    local ran
    crun.spawn(function() ran = true end)
    table.sort({ 2, 1 }, function(a, b)
      compute_until(function() return ran end)
      return a < b
    end)
    ran = nil
    crun.spawn(function() ran = true end)
    assert.equal("bb", (("aa"):gsub("a", function()
      compute_until(function() return ran end)
      return "b"
    end)))
  end)

  it_preempts("is interrupted in any greenlet, and at the root again", function()
    local function compute()
      local ran
      crun.spawn(function() ran = true end)
      compute_until(function() return ran end)
    end
    local function compute_in_greenlets()
      local back = crun.getcurrent()
      local g = crun.Greenlet(function()
        crun.Greenlet(compute):switch()
        back:switch()
        compute()
      end)
      g:switch()
      compute()
      g:switch()
      compute()
    end
    local task = crun.spawn(compute_in_greenlets)
    compute_in_greenlets()
    task:join()
  end)

  it_preempts("may be in the middle of anything: updates are lost, but not under a lock", function()
    local count = 0
    local function lose(task_ended)
      local rounds = 0
      repeat
        local old, t = count, {}
        for i = 1, 50 do t[i] = old end -- the place where it is likely to be interrupted
        count = t[1] + 1
        rounds = rounds + 1
      until task_ended()
      return rounds
    end
    local lost = false
    for _ = 1, 50 do
      count = 0
      local began = os.clock()
      local function ended() return os.clock() - began > 0.05 end
      local a, b = crun.spawn(lose, ended), crun.spawn(lose, ended)
      lost = a:get() + b:get() > count
      if lost then break end
    end
    assert.is_true(lost)

    count = 0
    local lock = crun.Lock()
    local function keep()
      for _ = 1, support.scaled(20000, 200) do
        lock:acquire()
        local old = count
        local t = { old }
        count = t[1] + 1
        lock:release()
      end
    end
    crun.gather(keep, keep, keep)
    assert.equal(3 * support.scaled(20000, 200), count)
  end)

  it_preempts("is not cancelled there, but where it waits", function()
    local task
    local reached = false
    task = crun.spawn(function()
      compute_until(function() return task:status() == "running" and reached end)
      reached = "end of the computation"
      crun.yield()
    end)
    crun.yield()
    task:cancel()
    reached = true
    task:join()
    assert.equal("end of the computation", reached)
    assert.is_true(task:cancelled())
  end)

  it_preempts("keeps its debug hook, which sees every call meanwhile", function()
    local calls, other = 0, false
    local function called() end
    local getinfo = debug.getinfo
    local function hook()
      if getinfo(2, "f").func == called then calls = calls + 1 end
    end
    crun.spawn(function() crun.sleep(0.001) other = true end)
    debug.sethook(hook, "c")
    local rounds = 0
    repeat
      called()
      rounds = rounds + 1
    until other and rounds > 1000
    local now, mask = debug.gethook()
    debug.sethook()
    assert.is_true(now == hook and mask == "c")
    assert.equal(rounds, calls)
  end)

  it_preempts("is left alone inside a finalizer", function()
    local ran, seen = false, nil
    local task = crun.spawn(function() ran = true end)
    setmetatable({}, { __gc = function()
      local began = os.clock()
      compute_until(function() return os.clock() - began > 0.03 end)
      seen = ran
    end })
    collectgarbage()
    assert.is_false(seen)
    task:join()
  end)

  it_preempts("finds crun's own functions whole", function()
    local stop = false
    local function load_up() compute_until(function() return stop end) end
    local busy = { crun.spawn(load_up), crun.spawn(load_up) }
    for _ = 1, support.scaled(20, 5) do
      local a, b, c = crun.gather(function() return 1 end, function() return 2 end,
        function() return 3 end)
      assert.same({ 1, 2, 3 }, { a, b, c })
      local list = crun.tasks()
      assert.truthy(#list >= 3)
    end
    stop = true
    crun.joinall(busy)
  end)
end)

describe("a task's field preempt", function()
  it("true: it is interrupted though others are not", function()
    local ran = false
    local task = crun.spawn(function() compute_until(function() return ran end) end)
    task.preempt = true
    assert.is_true(task.preempt)
    local other = crun.spawn(function() ran = true end)
    task:join()
    other:join()
    assert.is_true(ran)
  end)

  it_preempts("false: it is not, though others are", function()
    local ran, seen = false, nil
    local task = crun.spawn(function()
      local began = os.clock()
      compute_until(function() return os.clock() - began > 0.05 end)
      seen = ran
    end)
    task.preempt = false
    assert.is_false(task.preempt)
    local other = crun.spawn(function() ran = true end)
    task:join()
    other:join()
    assert.is_false(seen)
  end)

  it("nil: as for all; anything else is refused", function()
    local task = crun.spawn(crun.yield)
    assert.is_nil(task.preempt)
    task.preempt = true
    task.preempt = nil
    assert.is_nil(task.preempt)
    support.refuses({ "preempt must be a boolean or nil, not a number" },
      function() task.preempt = 1 end)
    task:join()
  end)
end)

describe("crun.preempt", function()
  it("returns what was set, and refuses what is no such time", function()
    assert.is_nil(crun.preempt(0.5))
    assert.equal(0.5, crun.preempt(0.25))
    assert.equal(0.25, crun.preempt())
    for _, bad in ipairs { 0, -1, 0 / 0, 1e9, "1", false } do
      support.refuses({ "seconds from 0.001" }, function() crun.preempt(bad) end)
    end
  end)
end)

describe("the option --preempt", function()
  if not process.under_crun then return end

  local SCRIPT = [[
    local crun = require "crun"
    local ran = false
    local other = crun.spawn(function() ran = true end)
    repeat for i = 1, 100 do local t = { i } end until ran
    print("shared")
  ]]

  it("turns it on for all tasks, with or without milliseconds", function()
    for _, option in ipairs { "--preempt", "--preempt=1" } do
      local path = process.script(SCRIPT)
      local result = process.command(("%s %s %s"):format(process.crun_bin, option, path))
      os.remove(path)
      assert.same({ 0, "shared\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("refuses what is no number of milliseconds", function()
    for _, option in ipairs { "--preempt=", "--preempt=0", "--preempt=x", "--preempt=1.5",
      "--preempts", "--watchdog=-1" } do
      local result = process.command(("%s %s -e 'print(1)'"):format(process.crun_bin, option))
      assert.equal(1, result.status)
      assert.matches("unrecognized option '" .. option:gsub("%p", "%%%0") .. "'", result.err)
      assert.equal("", result.out)
    end
  end)
end)
