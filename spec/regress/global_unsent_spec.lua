-- SPDX-License-Identifier: MIT

--- A send that failed for want of descriptors counted as having told the other end what the globals
--- of its functions are: those that came later found nothing under their names.
local process = require "spec.support.process"

describe("a send that fails", function()
  it("leaves the globals in it to the next one #nosan", function()
    local result = process.run([[
      local core, net = require "crun.core", require "crun.net"
      local a, b = core.socketpair()
      a, b = core.port_open(a), core.port_open(b)
      a:known()
      data = ("x"):rep(5000)
      local use = load("return data")
      local one, two = net.listen("127.0.0.1", 0), net.listen("127.0.0.1", 0)
      local taken = {}
      repeat
        local x, y = core.pipe()
        if x then table.move({ x, y }, 1, 2, #taken + 1, taken) end
      until not x
      print(select(3, a:send(1, 1, 0, use, one, two)))
      for _, fd in ipairs(taken) do core.close_fd(fd) end
      for _ = 1, 2 do
        a:send(1, 1, 0, use)
        print(tonumber(tostring(a):match "%d+") > 5000)
        b:recv()
      end
    ]], { limit = "-n 60" })
    assert.equal("", result.err)
    assert.equal("EMFILE\ntrue\nfalse\n", result.out)
  end)
end)
