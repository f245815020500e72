-- SPDX-License-Identifier: MIT

local crun = require "crun"
local testing = require "crun.testing"

-- An error thrown at a task that was waiting for the clean-ups of what it had cancelled made it go
-- on without them: tasks outlived the race, gather, run or loop that had started them.
describe("an error thrown at who waits for clean-ups", function()
  local live

  local function careful()
    live = live + 1
    local _ <close> = setmetatable({}, { __close = function()
      crun.shield(crun.sleep, 0.05)
      live = live - 1
    end })
    crun.sleep(1)
  end

  local WAYS = {
    race = function() crun.race(careful, function() crun.sleep(0.01) end) end,
    gather = function() crun.gather(careful, function() crun.sleep(0.01) error("x", 0) end) end,
    run = function() crun.with_timeout(0.01, crun.run, careful) end,
    map = function()
      local pool = crun.Pool(2)
      crun.with_timeout(0.01, pool.map, pool, careful, { 1, 2 })
    end,
    imap = function()
      for n in crun.Pool(2):imap(function(n) return n == 2 and careful() or n end, { 1, 2 }) do
        if n then break end
      end
    end,
  }

  for name, way in pairs(WAYS) do
    it("is raised once they are over: " .. name, function()
      testing.run(function()
        live = 0
        local seen
        local task = crun.spawn(function()
          pcall(way)
          seen = live
          crun.yield()
        end)
        crun.sleep(0.02)
        task:throw("thrown")
        local _, err = pcall(task.get, task)
        assert.equal(0, seen)
        assert.equal("thrown", err)
      end)
    end)
  end
end)
