-- SPDX-License-Identifier: MIT

--- An imap that was left before its feeder had its first turn did not close the closing value of
--- its inputs.
local crun = require "crun"

for _, name in ipairs { "Pool", "ThreadPool" } do
  describe(("imap of a %s that is left at once"):format(name), function()
    it("closes its inputs", function()
      local pool <close> = crun[name](1)
      local closed = 0
      local closing = setmetatable({}, { __close = function() closed = closed + 1 end })
      local function numbers(_, n) return (n or 0) + 1 end
      local task = crun.spawn(function()
        crun.current():cancel "before the first step"
        for _ in pool:imap(math.abs, numbers, nil, nil, closing) do error "a step" end
      end)
      task:join()
      assert.equal("cancelled", task:status())
      assert.equal(1, closed)
      for _ in pool:imap(math.abs, numbers, nil, nil, closing) do if closed == 1 then break end end
      assert.equal(2, closed)
    end)
  end)
end
