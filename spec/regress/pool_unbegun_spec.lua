-- SPDX-License-Identifier: MIT

--- A pool that ended in the turn in which its first job came waited for ever for a worker whose
--- task had been cancelled before it began.
local crun = require "crun"

for _, name in ipairs { "ThreadPool", "ProcessPool" } do
  describe(("a %s that ends before a worker has begun"):format(name), function()
    it("can be joined after terminate", function()
      local pool = crun[name](1)
      local job = pool:submit(math.abs, -1)
      pool:terminate()
      assert.is_true(pool:join())
      assert.equal("cancelled", job:status())
    end)

    it("lets the error out that has left its scope", function()
      local job
      local ok, err = pcall(function()
        local pool <close> = crun[name](1)
        job = pool:submit(math.abs, -1)
        error("the reason", 0)
      end)
      assert.is_false(ok)
      assert.equal("the reason", err)
      assert.equal("cancelled", job:status())
    end)
  end)
end
