-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

-- The wait for the tasks left ended at once, and they were dropped without their clean-ups.
describe("an error thrown at a main task whose chunk has ended", function()
  local function check(throw)
    local result = process.run([[
      local crun = require "crun"
      local main = crun.current()
      crun.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print("closed") end })
        crun.sleep(0.02)
        print("slept")
      end)
      ]] .. throw)
    assert.equal(0, result.status)
    assert.equal("slept\nclosed\n", result.out)
    assert.equal("", result.err)
  end

  it("keeps no task from its end, if it came before the chunk's end", function()
    check [[main:throw("boom")]]
  end)

  it("keeps no task from its end, if it comes while they are waited for", function()
    check [[crun.spawn(function() crun.sleep(0.01) main:throw("boom") end)]]
  end)
end)
