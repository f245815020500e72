-- SPDX-License-Identifier: MIT

local crun = require "crun"
local core = require "crun.core"
local support = require "spec.support"
local both = support.both

local function is_timeout(...)
  assert.equal(3, select("#", ...))
  local value, message, code = ...
  assert.equal(nil, value)
  assert.matches("^ETIMEDOUT: ", message)
  assert.equal("ETIMEDOUT", code)
end

describe("laws of timeouts:", function()
  both("law 43: an overrun ends not before its time and is reported", function()
    local start = crun.now()
    is_timeout(crun.with_timeout(2, crun.sleep, 10))
    support.took(start, 2)
  end)

  both("law 43: in time, arguments and results pass through, nils included", function()
    local got = table.pack(crun.with_timeout(2, function(...)
      crun.sleep(1)
      return nil, ..., nil
    end, 1, nil))
    assert.same({ nil, 1, nil, n = 3 }, got)
    assert.equal(0, select("#", crun.with_timeout(1, function() end)))
  end)

  it("law 43: it is never early on the real clock", function()
    local start = crun.now()
    is_timeout(crun.with_timeout(0.015, crun.sleep, 10))
    support.took(start, 0.015, false)
  end)

  both("law 44: a timeout that was left never fires later", function()
    crun.with_timeout(1, crun.sleep, 0.5)
    crun.sleep(5)
    pcall(crun.with_timeout, 1, error, "left by an error")
    crun.sleep(5)
    assert.equal(0, core.stats().timers)
  end)

  both("law 45: the expiry of an outer timeout passes through the inner one", function()
    local inner_returned = false
    is_timeout(crun.with_timeout(1, function()
      crun.with_timeout(5, crun.sleep, 10)
      inner_returned = true
    end))
    assert.is_false(inner_returned)
  end)

  both("law 45: the expiry of an inner timeout is the inner's", function()
    local code
    local outer = crun.with_timeout(5, function()
      code = select(3, crun.with_timeout(1, crun.sleep, 10))
      crun.sleep(1)
      return "went on"
    end)
    assert.equal("ETIMEDOUT", code)
    assert.equal("went on", outer)
  end)

  both("law 45: ten timeouts nested, the one in the middle expires first", function()
    local log = support.log()
    local function nest(depth)
      if depth > 10 then return crun.sleep(1000) end
      local _, _, code = crun.with_timeout(depth == 6 and 1 or 100 + depth, nest, depth + 1)
      log(depth .. ":" .. tostring(code))
      return depth
    end
    nest(1)
    assert.equal("6:ETIMEDOUT 5:nil 4:nil 3:nil 2:nil 1:nil", log:text())
  end)

  both("law 46: past both deadlines the outer arrives outside, the inner is overtaken", function()
    local arrived = 0
    local _, _, code = crun.with_timeout(2, function()
      crun.with_timeout(1, function()
        core.advance(5)
        crun.sleep(10)
      end)
      arrived = arrived + 1
    end)
    assert.equal("ETIMEDOUT", code)
    assert.equal(0, arrived)
    crun.sleep(20)
  end)

  both("law 47: timeout 0 or negative: the first wait times out", function()
    for _, seconds in ipairs { 0, -1, -math.huge } do
      local waited = false
      is_timeout(crun.with_timeout(seconds, function()
        crun.sleep(0)
        waited = true
      end))
      assert.is_false(waited)
    end
  end)

  both("law 47: timeout 0: a body that never waits completes", function()
    local queue = crun.Queue()
    queue:put("there")
    assert.equal("there", (crun.with_timeout(0, function() return queue:get() end)))
  end)

  both("law 47: no timeout waits for ever", function()
    assert.equal("slept", crun.with_timeout(nil, function()
      crun.sleep(1e6)
      return "slept"
    end))
    assert.equal(1, crun.with_timeout(math.huge, function()
      crun.sleep(1)
      return 1
    end))
  end)

  both("law 48: an error of the body passes unchanged, and one of its clean-up too", function()
    local reason = {}
    assert.equal(reason, support.raised(crun.with_timeout, 1, error, reason))
    assert.equal(reason, support.raised(crun.with_timeout, 1, function()
      crun.sleep(0.5)
      error(reason)
    end))
    assert.equal(reason, support.raised(crun.with_timeout, 1, function()
      local _ <close> = setmetatable({}, { __close = function() error(reason) end })
      crun.sleep(5)
    end))
  end)

  both("law 49: waiting with timeout 0 for what is there gives it", function()
    local queue = crun.Queue()
    queue:put(false)
    assert.equal(false, queue:get(0))
    local task = crun.spawn(function() return "r" end)
    task:join()
    assert.equal("r", task:get(0))
    assert.is_true(crun.joinall({ task }, 0))
  end)

  both("law 50: tasks spawned inside a timeout are not touched by it", function()
    local child
    is_timeout(crun.with_timeout(1, function()
      child = crun.spawn(function() crun.sleep(5) return "child" end)
      crun.sleep(10)
    end))
    assert.equal("child", child:get())
  end)

  both("law 51: the timeout is reported after the body's clean-up ended", function()
    local log = support.log()
    is_timeout(crun.with_timeout(1, function()
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(crun.sleep, 3)
        log("clean")
      end })
      crun.sleep(10)
    end))
    log("reported")
    assert.equal("clean reported", log:text())
  end)

  both("a pcall inside does not swallow an expiry for good", function()
    local waits = 0
    is_timeout(crun.with_timeout(1, function()
      for _ = 1, 5 do
        pcall(crun.sleep, 10)
        waits = waits + 1
      end
      crun.sleep(10)
      waits = "never"
    end))
    assert.equal(5, waits)
  end)

  both("a body that swallows the expiry and returns gives its results", function()
    assert.equal("swallowed", crun.with_timeout(1, function()
      pcall(crun.sleep, 10)
      return "swallowed"
    end))
  end)
end)
