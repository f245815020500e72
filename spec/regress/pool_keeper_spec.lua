-- SPDX-License-Identifier: MIT

--- The task that keeps the program from ending before the jobs of a pool was not replaced when it
--- had been cancelled.
local process = require "spec.support.process"

describe("a pool whose keeper was cancelled", function()
  it("still keeps the program for later jobs", function()
    local result = process.run [[
      local crun = require "crun"
      local pool = crun.ThreadPool(1)
      local first = pool:submit(crun.sleep, 0.01)
      for _, task in ipairs(crun.tasks()) do
        if task.name == "jobs of a ThreadPool" then task:cancel() end
      end
      first:join()
      pool:submit(function()
        crun.sleep(0.1)
        print "done"
      end)
    ]]
    assert.equal("", result.err)
    assert.equal("done\n", result.out)
  end)
end)
