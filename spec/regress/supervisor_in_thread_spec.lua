-- SPDX-License-Identifier: MIT

--- A Supervisor in a thread that was cancelled could not tell on_event of its workers' end, since
--- nothing can be spawned there any more, and so did not end them.
local process = require "spec.support.process"

describe("a Supervisor in a thread that is cancelled", function()
  it("ends its workers, and tells of it", function()
    local result = process.run [[
      local crun = require "crun"
      local function work(begun)
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
      local thread = crun.Thread { target = work, args = { begun } }
      thread:start()
      begun:wait()
      thread:cancel()
      print(thread:join())
    ]]
    assert.equal("started\tnil\nstopping\tnil\nasked to end\nended\treturned\ntrue\n", result.out)
    assert.equal("crun: shop: on_event failed: no more of this\n", result.err)
  end)
end)
