-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

-- A coroutine that nothing referred to any more was used again, or waited in. Each step of the
-- collector is a whole cycle here, and what it frees is soon used again.
describe("a task's coroutine", function()
  local function run(script)
    local result = process.run([[
      local crun = require "crun"
      collectgarbage("incremental", 1, 100, 40)
      local function churn()
        local threads = {}
        for i = 1, 20 do threads[i] = coroutine.create(print) end
      end
      ]] .. script)
    assert.equal("", result.err)
    assert.equal(0, result.status)
    return result.out
  end

  it("is not collected between its task's end and its next use", function()
    assert.equal("100\n", run [[
      local calls = 0
      for _ = 1, 20 do
        local task = crun.spawn(function() return {} end)
        for _ = 1, 5 do
          task:on_done(function() calls = calls + 1 end)
        end
        task:join()
        churn()
        crun.spawn(churn):join()
      end
      crun.sleep(0)
      print(calls)
    ]])
  end)

  it("is not collected while the handler of its failure waits in it", function()
    assert.equal("t1: boom\nt2: boom\nt3: boom\n", run [[
      crun.on_error = function(task, err)
        crun.sleep(0.01)
        print(task.name .. ": " .. err)
      end
      for i = 1, 3 do
        crun.spawn(function() error("boom", 0) end).name = "t" .. i
      end
      crun.sleep(0.001)
      churn()
      crun.sleep(0.02)
    ]])
  end)
end)
