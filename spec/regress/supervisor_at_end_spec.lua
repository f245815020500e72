-- SPDX-License-Identifier: MIT

--- A Supervisor could not tell on_event of its workers' end where nothing can be spawned any more,
--- and so did not end them.
local process = require "spec.support.process"

local SUPERVISE = [[
  local crun = require "crun"
  local function supervise(begun)
    local over = crun.Event()
    local supervisor <close> = crun.Supervisor {
      name = "shop",
      on_event = function(event)
        print(event.what, event.ending and event.ending.text)
        if event.what == "started" then crun.spawn(begun.set, begun) end
        if event.what == "ended" then error("no more of this", 0) end
      end,
      { make = function()
        return {
          start = function() end,
          join = function() over:wait() end,
          terminate = function()
            print "asked to end"
            over:set()
          end,
        }
      end },
    }
    supervisor:run()
  end
  local begun = crun.Event()
]]

describe("a Supervisor ends its workers, and tells of it,", function()
  it("in a thread that is cancelled", function()
    local result = process.run(SUPERVISE .. [[
      local thread = crun.Thread { target = supervise, args = { begun } }
      thread:start()
      begun:wait()
      thread:cancel()
      print(thread:join())
    ]])
    assert.equal("started\tnil\nasked to end\nstopping\tnil\nended\treturned\ntrue\n", result.out)
    assert.matches("task#%d+ failed: no more of this\n", result.err)
  end)

  it("when a deadlock has ended the program", function()
    local result = process.run(SUPERVISE .. [[
      crun.spawn(supervise, begun)
      begun:wait()
    ]])
    assert.equal("started\tnil\nstopping\tnil\nasked to end\nended\treturned\n", result.out)
    assert.matches("^crun: deadlock: ", result.err)
    assert.matches("\ncrun: shop: on_event failed: no more of this\n$", result.err)
  end)
end)
