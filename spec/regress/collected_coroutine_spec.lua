-- SPDX-License-Identifier: MIT

local crun = require "crun"

-- A coroutine that nothing referred to any more was used again, or waited in.
describe("a task's coroutine", function()
  after_each(function() crun.on_error = nil end)

  it("is not collected between its task's end and its next use", function()
    local calls = 0
    for _ = 1, 50 do
      local task = crun.spawn(function() return {} end)
      -- Each callback is a task; to start it takes memory, and the collector may strike.
      for _ = 1, 20 do
        task:on_done(function() calls = calls + 1 end)
      end
      task:join()
      collectgarbage()
      crun.yield()
    end
    crun.sleep(0)
    assert.equal(1000, calls)
  end)

  it("is not collected while the handler of its failure waits in it", function()
    local seen = {}
    crun.on_error = function(task, err)
      crun.sleep(0.005)
      seen[#seen + 1] = task.name .. ": " .. err
    end
    for i = 1, 10 do
      crun.spawn(function() error("boom", 0) end).name = "t" .. i
    end
    for _ = 1, 5 do
      crun.sleep(0.002)
      collectgarbage()
    end
    crun.sleep(0.01)
    assert.equal(10, #seen)
    assert.equal("t1: boom", seen[1])
  end)
end)
