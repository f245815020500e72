-- SPDX-License-Identifier: MIT
-- A TCP server on 127.0.0.1 that sends back what it receives, one task per connection.
-- The load is load.c's.
-- usage: echo.lua port

local crun = require "crun"

local port = assert(tonumber(arg[1]), "usage: echo.lua port")

assert(crun.net.serve("127.0.0.1", port, function(stream)
  while true do
    local data = stream:recv(4096)
    if not data then return end
    stream:write(data)
  end
end, { backlog = 1024 }))
