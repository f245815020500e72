-- SPDX-License-Identifier: MIT

--- Jobs that a signal has cancelled together with the program were reported as failures of Futures
--- that nobody had looked at; and their workers were killed before they could clean up.
local process = require "spec.support.process"

describe("an interrupted program", function()
  it("does not report the jobs of its pools", function()
    local result = process.run [[
      local crun = require "crun"
      local pool = crun.ProcessPool(1)
      pool:submit(crun.sleep, 60)
      pool:submit(crun.sleep, 60)
      crun.call_later(0.05, os.execute, "kill -TERM " .. crun.getpid())
      crun.sleep(60)
    ]]
    assert.is_false(result.ok)
    assert.is_nil(result.err:find("Future", 1, true), result.err)
  end)

  it("lets the jobs of its pools clean up", function()
    local result = process.run [[
      local crun = require "crun"
      local begun = crun.Queue()
      local function job(queue)
        local _ <close> = setmetatable({}, { __close = function() print "cleaned up" end })
        queue:put(true)
        crun.sleep(60)
      end
      local pool = crun.ProcessPool(1, { grace = 20 })
      pool:submit(job, begun)
      begun:get()
      crun.spawn(os.execute, "kill -TERM " .. crun.getpid())
      crun.sleep(60)
    ]]
    assert.is_false(result.ok)
    assert.equal("cleaned up\n", result.out)
  end)
end)
