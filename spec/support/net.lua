-- SPDX-License-Identifier: MIT

--- Connections for specs, all on the loopback interface.
local crun = require "crun"

local M = {}

--- A listener on a free port, and the port.
function M.listener(options, host)
  local listener = assert(crun.net.listen(host or "127.0.0.1", 0, options))
  local _, port = listener:sockname()
  return listener, port
end

--- Two connected streams.
function M.pair()
  local listener <close>, port = M.listener()
  local client = assert(crun.net.connect("127.0.0.1", port))
  return client, assert(listener:accept())
end

--- Calls body(client, server) with a pair that is closed afterwards.
function M.with_pair(body)
  local client <close>, second = M.pair()
  local server <close> = second
  return body(client, server)
end

--- A task that sends the pieces one by one, with a pause after each, and shuts down its side.
function M.send_slowly(stream, pieces)
  return crun.spawn(function()
    for _, piece in ipairs(pieces) do
      assert(stream:write(piece))
      crun.sleep(0.001)
    end
    assert(stream:shutdown())
  end)
end

return M
