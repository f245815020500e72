-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

-- With little address space (ulimit -v), waits failed for want of a further C stack though they
-- could have yielded; and stacks took all the space that Lua's memory needed.
describe("with little address space", function()
  it("waits that can yield do not fail for want of a stack #nosan", function()
    local result = process.run([[
      local crun = require "crun"
      local event, woken, tasks = crun.Event(), 0, {}
      for i = 1, 20000 do
        tasks[i] = crun.spawn(function()
          event:wait()
          woken = woken + 1
        end)
      end
      crun.yield()
      event:set()
      crun.joinall(tasks)
      print(woken)
    ]], { limit = "-v 200000" })
    assert.equal("20000\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("a budget set by hand that is too large does no harm #nosan", function()
    local result = process.run([[
      local crun = require "crun"
      require("crun.core").stack_budget(100000)
      local tasks = {}
      for i = 1, 300 do tasks[i] = crun.spawn(crun.sleep, 0.01) end
      crun.joinall(tasks)
      print(pcall(crun.yield))
    ]], { limit = "-v 200000" })
    assert.equal("true\n", result.out)
    assert.equal("", result.err)
  end)
end)
