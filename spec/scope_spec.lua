-- SPDX-License-Identifier: MIT

local crun = require "crun"
local core = require "crun.core"
local support = require "spec.support"
local both = support.both

local function timeout_code(...)
  return (select(3, ...))
end

describe("with_timeout:", function()
  it("refuses what is no time and what cannot be called", function()
    for _, value in ipairs { "x", {}, 0 / 0, true } do
      support.refuses({ "bad argument #1 to 'with_timeout'" }, function()
        crun.with_timeout(value, print)
      end)
    end
    support.refuses({ "bad argument #2 to 'with_timeout'" }, function() crun.with_timeout(1) end)
    support.refuses({ "bad argument #2 to 'with_timeout'" }, function()
      crun.with_timeout(1, 42)
    end)
  end)

  both("a cancel from outside passes through", function()
    local went_on = false
    local task = crun.spawn(function()
      crun.with_timeout(10, crun.sleep, 100)
      went_on = true
    end)
    crun.yield()
    task:cancel("outside")
    task:join()
    assert.is_true(task:cancelled())
    assert.is_false(went_on)
    assert.equal("outside", task:exception().reason)
  end)

  both("its own expiry and a cancel in the same turn: the cancel stands", function()
    local seen
    local task = crun.spawn(function()
      seen = timeout_code(crun.with_timeout(1, crun.sleep, 100))
    end)
    crun.yield()
    crun.sleep(0.5)
    core.advance(1)
    task:cancel("both")
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(nil, seen)
  end)

  both("equal deadlines: the outer one is reported outside, nothing fires later", function()
    local code = timeout_code(crun.with_timeout(1, function()
      crun.with_timeout(1, crun.sleep, 10)
      crun.sleep(10)
    end))
    assert.equal("ETIMEDOUT", code)
    crun.sleep(10)
  end)

  both("a shorter timeout of the wait itself does not end the scope", function()
    local queue = crun.Queue()
    local result = crun.with_timeout(5, function()
      assert.equal("ETIMEDOUT", timeout_code(queue:get(1)))
      crun.sleep(1)
      return "alive"
    end)
    assert.equal("alive", result)
  end)

  both("the scope's expiry inside a timed wait is the scope's", function()
    local queue = crun.Queue()
    local start, after = crun.now(), false
    local code = timeout_code(crun.with_timeout(1, function()
      queue:get(5)
      after = true
    end))
    assert.equal("ETIMEDOUT", code)
    assert.is_false(after)
    support.took(start, 1)
    queue:put(1)
    assert.equal(1, #queue)
  end)

  both("many in a row leave no timer behind", function()
    for _ = 1, 200 do
      crun.with_timeout(50, crun.yield)
      crun.with_timeout(0.001, crun.sleep, 1)
    end
    assert.equal(0, core.stats().timers)
  end)

  both("results and errors leave through deep nesting", function()
    local function nest(n, ...)
      if n == 0 then
        crun.yield()
        return ...
      end
      return crun.with_timeout(100 + n, nest, n - 1, n, ...)
    end
    local got = table.pack(nest(20))
    assert.equal(20, got.n)
    assert.equal(1, got[1])
    assert.equal(20, got[20])
  end)
end)

describe("shield:", function()
  it("refuses what cannot be called", function()
    support.refuses({ "bad argument #1 to 'shield'" }, function() crun.shield() end)
    support.refuses({ "bad argument #1 to 'shield'" }, function() crun.shield("x") end)
  end)

  both("passes arguments, results and errors", function()
    assert.same({ nil, 2, nil, n = 3 },
      table.pack(crun.shield(function(...) crun.yield() return ... end, nil, 2, nil)))
    local reason = {}
    assert.equal(reason, support.raised(crun.shield, error, reason))
  end)

  both("holds a cancel back until it ends, then the next wait raises", function()
    local log = support.log()
    local task = crun.spawn(function()
      crun.shield(function()
        crun.sleep(2)
        log("protected")
      end)
      log("outside")
      crun.sleep(1)
      log("never")
    end)
    crun.yield()
    task:cancel("held")
    crun.sleep(1)
    assert.is_false(task:done())
    task:join()
    assert.equal("protected outside", log:text())
    assert.equal("held", task:exception().reason)
  end)

  both("protects in a task that was cancelled already", function()
    local task = crun.spawn(function()
      pcall(crun.sleep, 10)
      return crun.shield(function()
        crun.sleep(1)
        return "waited"
      end)
    end)
    crun.yield()
    task:cancel()
    assert.equal("waited", task:get())
  end)

  both("holds back the timeout of an enclosing scope", function()
    local start = crun.now()
    local code = timeout_code(crun.with_timeout(1, function()
      crun.shield(crun.sleep, 3)
      crun.sleep(10)
    end))
    assert.equal("ETIMEDOUT", code)
    support.took(start, 3)
  end)

  both("a timeout set inside works inside", function()
    local task = crun.spawn(function()
      return crun.shield(function()
        local code = timeout_code(crun.with_timeout(1, crun.sleep, 10))
        crun.sleep(1)
        return code
      end)
    end)
    crun.yield()
    task:cancel()
    assert.equal("ETIMEDOUT", task:get())
  end)

  both("a shield inside a shield ends with the outer one only", function()
    local log = support.log()
    local task = crun.spawn(function()
      crun.shield(function()
        crun.shield(crun.sleep, 1)
        crun.sleep(1)
        log("outer")
      end)
      crun.sleep(1)
      log("never")
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.equal("outer", log:text())
  end)
end)
