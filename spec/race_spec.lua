-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local after, failing, both = support.after, support.failing, support.both

describe("race:", function()
  both("gives all results of the first that ends", function()
    local start = crun.now()
    local got = table.pack(crun.race(after(3, "slow"), after(1, nil, "fast", nil), after(2)))
    assert.same({ nil, "fast", nil, n = 3 }, got)
    support.took(start, 1)
    assert.equal("b", crun.race { after(2, "a"), after(1, "b") })
    assert.equal("alone", crun.race(after(1, "alone")))
  end)

  both("raises the error of the first that ends, the same object", function()
    local reason = {}
    assert.equal(reason, support.raised(crun.race, after(2, "slow"), failing(1, reason)))
    assert.equal("fast", crun.race(failing(2, "slow"), after(1, "fast")))
  end)

  both("cancels the others, and waits until they have unwound", function()
    local log, start, seen = support.log(), crun.now(), nil
    local winner = crun.spawn(after(1, "won"))
    winner.name = "winner"
    local got = crun.race(winner, function()
      local _ <close> = setmetatable({}, { __close = function(_, err)
        seen = err
        crun.shield(crun.sleep, 2)
        log("unwound")
      end })
      crun.sleep(100)
    end)
    log(got)
    assert.equal("unwound won", log:text())
    support.took(start, 3)
    assert.matches("^the race is over: task#%d+ 'winner' ended first$", seen.reason)
    assert.matches("race_spec.lua:%d+$", seen.origin)
  end)

  both("takes Tasks and Futures, and cancels those too", function()
    local task, future = crun.spawn(after(5, "task")), crun.Future()
    crun.spawn(function()
      crun.sleep(1)
      future:set_result("future")
    end)
    assert.equal("future", crun.race(task, future))
    assert.is_true(task:cancelled())
    future = crun.Future()
    assert.equal("f", crun.race(after(1, "f"), future))
    assert.is_true(future:cancelled())
  end)

  both("of several that have ended the first in the list wins, without a wait", function()
    local a, b = crun.spawn(after(2, "a")), crun.spawn(after(1, "b"))
    crun.joinall { a, b }
    assert.equal("a", crun.race(a, b))
    assert.equal("b", crun.race { b, a })
    local ran = false
    assert.equal("a", crun.race(function() ran = true end, a))
    assert.is_false(ran)
  end)

  both("of several that end in one turn the first in time wins", function()
    for _ = 1, 3 do
      assert.equal("b", crun.race(function()
        crun.yield()
        return "a"
      end, function() return "b" end))
    end
  end)

  both("what the others do while they unwind is not told", function()
    local failures = support.collect_failures()
    local loser = crun.spawn(function()
      pcall(crun.sleep, 100)
      error("in clean-up", 0)
    end)
    assert.equal("won", crun.race(loser, after(1, "won")))
    assert.equal("in clean-up", loser:exception())
    assert.equal(0, #failures)
  end)

  both("one that is cancelled has ended", function()
    local task = crun.spawn(after(5))
    crun.spawn(function()
      crun.sleep(1)
      task:cancel("picked out")
    end)
    assert.equal("picked out", support.raised(crun.race, task, after(9)).reason)
  end)

  both("a cancel of the caller cancels all, with its reason and origin", function()
    local seen, cleaned = nil, false
    local caller = crun.spawn(function()
      crun.race(function()
        seen = support.raised(crun.sleep, 100)
        crun.shield(crun.sleep, 2)
        cleaned = true
      end, after(50))
    end)
    crun.sleep(1)
    caller:cancel("no more races")
    local err = support.raised(caller.get, caller)
    assert.is_true(cleaned)
    assert.is_true(caller:cancelled())
    assert.same({ "no more races", err.origin }, { seen.reason, seen.origin })
  end)

  both("a timeout around it ends it after the clean-ups", function()
    local start = crun.now()
    local _, _, code = crun.with_timeout(1, crun.race, after(10), function()
      pcall(crun.sleep, 100)
      crun.shield(crun.sleep, 2)
    end)
    assert.equal("ETIMEDOUT", code)
    support.took(start, 3)
  end)

  both("races in races, and gathers in races", function()
    assert.equal("inner", crun.race(after(5, "outer"), function()
      return crun.race(after(2, "late"), after(1, "inner"))
    end))
    assert.same({ 1, 2 }, crun.race(after(9), function()
      return crun.gather { after(2, 1), after(1, 2) }
    end))
  end)

  it("refuses misuse at the caller's line, and starts nothing", function()
    local before = #crun.tasks()
    support.refuses({ "bad argument #1 to 'race'", "nothing" }, function() crun.race() end)
    support.refuses({ "bad argument #1 to 'race'", "nothing" }, function() crun.race {} end)
    support.refuses({ "bad argument #2 to 'race'", "number" }, function()
      crun.race(print, 42)
    end)
    support.refuses({ "bad argument #2 to 'race'", "table" }, function()
      crun.race(print, { print })
    end)
    support.refuses({ "bad argument #1 to 'race'", "the calling task" }, function()
      crun.race(crun.current())
    end)
    assert.equal(before, #crun.tasks())
  end)
end)
