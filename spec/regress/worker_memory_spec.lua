-- SPDX-License-Identifier: MIT

--- A job that ran out of memory failed with nil: such errors pass no message handler.
local process = require "spec.support.process"

describe("a worker out of memory", function()
  it("says so #nosan", function()
    local result = process.run([[
      local crun = require "crun"
      local function job()
        local texts = {}
        for i = 1, 100 do texts[i] = ("x"):rep(1 << 30) end
      end
      local thread = crun.Thread { target = job }:start()
      print(pcall(thread.get, thread))
      local pool <close> = crun.ThreadPool(1)
      print(pcall(pool.apply, pool, job))
      print(pcall(pool.map, pool, job, { 1, 2, 3 }, { chunk = 2 }))
    ]], { limit = "-v 800000" })
    assert.equal(("false\tnot enough memory\n"):rep(3), result.out)
    assert.equal("", result.err)
  end)
end)
