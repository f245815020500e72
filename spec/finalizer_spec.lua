-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

local REFUSED = "attempt to wait inside a finalizer %(__gc%)"

--- Runs `wait` in a finalizer and returns what pcall gave there.
local function in_finalizer(wait)
  local outcome
  local function drop()
    setmetatable({}, { __gc = function() outcome = table.pack(pcall(wait)) end })
  end
  drop()
  for _ = 1, 3 do collectgarbage() end
  return outcome
end

describe("a finalizer", function()
  both("that would wait gets an error", function()
    local queue = crun.Queue()
    local task = crun.spawn(function() crun.sleep(1) end)
    local given = crun.spawn(function() crun.sleep(1) end)
    for i, wait in ipairs {
      function() crun.sleep(1) end,
      function() crun.yield() end,
      function() queue:get() end,
      function() queue:get(1) end,
      function() task:join() end,
      function() crun.joinall { task } end,
      function() crun.gather(given) end,
    } do
      local outcome = in_finalizer(wait)
      assert.is_false(outcome[1], "wait " .. i)
      assert.matches(REFUSED, tostring(outcome[2]))
    end
    assert.equal(0, #queue)
    task:join()
  end)

  both("may use what does not wait: put, cancel, spawn", function()
    local queue, ran = crun.Queue(), false
    local task = crun.spawn(function() crun.sleep(100) end)
    local outcome = in_finalizer(function()
      queue:put("from the finalizer")
      task:cancel("collected")
      crun.spawn(function()
        crun.sleep(1)
        ran = true
      end)
    end)
    assert.is_true(outcome[1], tostring(outcome[2]))
    assert.equal("from the finalizer", queue:get())
    task:join()
    assert.equal("collected", task:exception().reason)
    crun.sleep(2)
    assert.is_true(ran)
  end)

  both("inside a nested coroutine is refused as well", function()
    local outcome = in_finalizer(coroutine.wrap(function() crun.sleep(1) end))
    assert.is_false(outcome[1])
    assert.matches(REFUSED, tostring(outcome[2]))
  end)

  both("leaves waiting possible afterwards", function()
    in_finalizer(function() crun.sleep(1) end)
    local start = crun.now()
    crun.sleep(1)
    support.took(start, 1)
  end)

  it("that runs when the state is closed may not wait either", function()
    local result = process.run [[
      local crun = require "crun"
      KEEP = setmetatable({}, { __gc = function()
        print(pcall(crun.sleep, 0.001))
      end })
      crun.sleep(0.001)
    ]]
    assert.equal(0, result.status)
    assert.matches("^false\t", result.out)
  end)

  it("may spawn, also when a stock state is closed, and loses no task", function()
    local result = process.run([[
      local crun = require "crun"
      crun.spawn(function()
        crun.sleep(0.02)
        print "task"
      end)
      KEEP = setmetatable({}, { __gc = function()
        crun.spawn(function()
          crun.sleep(0.01)
          print "spawned at the close"
        end)
      end })
    ]], { interpreter = process.lua_bin })
    assert.same({ 0, "spawned at the close\ntask\n", "" },
      { result.status, result.out, result.err })
  end)
end)
