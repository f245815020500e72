-- SPDX-License-Identifier: MIT

--- Jobs that a signal has cancelled together with the program were reported as failures of Futures
--- that nobody had looked at.
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
end)
