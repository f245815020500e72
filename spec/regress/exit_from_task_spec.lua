-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

-- The state's closing finalized queues and streams while tasks still used them: a crash, or a hang
-- of the hub that waited for its own caller.
describe("os.exit that closes the state", function()
  local script = [[
    local crun = require "crun"
    local queue = crun.Queue(1)
    local listener = crun.net.listen("127.0.0.1", 0)
    crun.spawn(function()
      local guard <close> = setmetatable({}, { __close = function() print("closed") end })
      listener:accept()
    end)
    crun.spawn(function() crun.sleep(0.01) os.exit(3, true) end)
    queue:put(1)
    queue:put({})
  ]]

  it("runs the clean-ups of the other tasks when a task calls it", function()
    local result = process.run(script)
    assert.equal(3, result.status)
    assert.equal("closed\n", result.out)
    assert.equal("", result.err)
  end)

  it("checks its argument as the stock one does", function()
    local result = process.run [[print(select(2, pcall(function() os.exit("x") end)))]]
    assert.truthy(result.out:find("bad argument #1 to 'exit'", 1, true))
  end)
end)
