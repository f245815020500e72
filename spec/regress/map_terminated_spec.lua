-- SPDX-License-Identifier: MIT

--- A map over endless inputs whose pool was terminated read them for ever, and let nothing else
--- run.
local crun = require "crun"

for _, name in ipairs { "ThreadPool", "ProcessPool" } do
  describe(("a %s that is terminated"):format(name), function()
    local function numbers(_, n)
      n = (n or 0) + 1
      assert(n < 1e6, "read on and on")
      return n
    end

    it("ends a map over endless inputs", function()
      local pool = crun[name](1)
      local map = crun.spawn(pcall, pool.map, pool, math.abs, numbers)
      crun.sleep(0.01)
      pool:terminate "enough"
      pool:join()
      local ok, err = map:get()
      assert.is_false(ok)
      assert.matches("^cancelled: ", tostring(err))
    end)

    it("ends an imap, also where its errors are passed over", function()
      local pool = crun[name](1)
      local step, _, _, closing = pool:imap(math.abs, numbers)
      local _ <close> = closing
      assert.equal(1, step())
      pool:terminate "enough"
      local steps, ok, value = 0
      repeat
        ok, value = pcall(step)
        steps = steps + 1
      until ok and value == nil
      assert.is_true(steps < 100)
      pool:join()
    end)
  end)
end
