-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function getter(future, name, log)
  return crun.spawn(function()
    local got = table.pack(pcall(future.get, future))
    log(name)
    return table.unpack(got, 1, got.n)
  end)
end

describe("laws of futures:", function()
  both("law 57: every getter, before and after, gets the values, nils included", function()
    local future, log, tasks = crun.Future(), support.log(), {}
    for i = 1, 3 do tasks[i] = getter(future, i, log) end
    support.settle()
    assert.equal("", log:text())
    future:set_result(nil, 2, nil)
    local want = { true, nil, 2, nil, n = 4 }
    for i = 1, 3 do assert.same(want, table.pack(tasks[i]:get())) end
    assert.same(want, table.pack(pcall(future.get, future)))
    assert.same({ nil, 2, nil, n = 3 }, table.pack(future:result()))
    assert.equal("1 2 3", log:text())
  end)

  both("law 57: one value and none arrive as they are", function()
    local one, none = crun.Future(), crun.Future()
    local first, second = getter(one, 1, support.log()), getter(none, 2, support.log())
    support.settle()
    one:set_result("x")
    none:set_result()
    assert.same({ true, "x", n = 2 }, table.pack(first:get()))
    assert.same({ true, n = 1 }, table.pack(second:get()))
    assert.equal(0, select("#", none:get()))
  end)

  both("law 57: every getter, before and after, gets the same error object", function()
    local future, reason = crun.Future(), {}
    local before = getter(future, "before", support.log())
    support.settle()
    future:set_error(reason)
    assert.equal(reason, select(2, before:get()))
    assert.equal(reason, support.raised(future.get, future))
    assert.equal(reason, future:exception())
    assert.equal(0, select("#", future:result()))
  end)

  both("law 57: a look at an empty one is a timeout at once", function()
    local future, ran = crun.Future(), false
    local other = crun.spawn(function() ran = true end)
    for _, method in ipairs { "get", "join" } do
      local ok, message, code = future[method](future, 0)
      assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { ok, message, code })
    end
    assert.is_nil(future:exception())
    assert.equal(0, select("#", future:result()))
    assert.is_false(ran)
    other:join()
  end)

  both("law 58: a second set raises, changes nothing, and wakes nobody again", function()
    local sets = {
      set_result = function(future) future:set_result(1) end,
      set_error = function(future) future:set_error("no") end,
    }
    for _, first in pairs(sets) do
      local future, woken = crun.Future(), 0
      local task = crun.spawn(function()
        future:join()
        woken = woken + 1
        crun.sleep(1)
      end)
      support.settle()
      first(future)
      local status = future:status()
      for name, second in pairs(sets) do
        support.refuses({ name, "already been set", status }, function() second(future) end)
      end
      assert.is_false(future:cancel())
      task:join()
      assert.equal(1, woken)
      assert.equal(status, future:status())
    end
  end)

  both("law 58: a set after a cancel raises too", function()
    local future = crun.Future()
    assert.is_true(future:cancel("enough"))
    assert.is_false(future:cancel("more"))
    support.refuses({ "set_result", "cancelled" }, function() future:set_result(1) end)
    assert.equal("enough", support.raised(future.get, future).reason)
  end)
end)
