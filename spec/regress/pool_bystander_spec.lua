-- SPDX-License-Identifier: MIT

--- A worker that was ended because a cancelled job did not end took along the next job, if it began
--- that just then.
local crun = require "crun"
local assert, describe, it = assert, describe, it
local _ENV = require "spec.support".globals -- luacheck: ignore 211

local function compute(seconds)
  local done = crun.now() + seconds
  repeat until crun.now() > done
end

---Has the pool end its workers so late that the cancelled job is over.
local function delay_interrupts(pool)
  local backend = pool.engine.backend
  pool.engine.backend = setmetatable({
    interrupt = function(worker)
      compute(0.15)
      return backend.interrupt(worker)
    end,
  }, { __index = backend })
end

for _, name in ipairs { "ThreadPool", "ProcessPool" } do
  describe(("a %s that ends a worker because of a cancelled job"):format(name), function()
    it("does no harm to the next job", function()
      local pool <close> = crun[name](1, { grace = 0.05 })
      delay_interrupts(pool)
      local begun = crun.Queue()
      local cancelled = pool:submit(function(queue)
        queue:put(true)
        compute(0.1)
      end, begun)
      local next = pool:submit(function()
        crun.sleep(0.3)
        return "done"
      end)
      begun:get()
      cancelled:cancel()
      assert.equal("done", next:get())
      cancelled:join()
    end)
  end)
end
