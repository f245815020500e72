-- SPDX-License-Identifier: MIT

--- Two links joined in one hub: most of what goes between workers, without workers.
local Link = require "crun.link"
local core = require "crun.core"
local crun = require "crun"

local M = { globals = _G }

--- A port's shape made of two queues, one for each direction.
local function end_of(from, to)
  local port = {}
  local function put(_, kind, id, aux, ...)
    if to:closed() then return nil, "ECLOSED: closed", "ECLOSED" end
    local ok, message = pcall(core.encode, ...)
    if not ok then error(message, 0) end
    return to:put { kind, id, aux, message }
  end
  port.send, port.post = put, put
  function port.recv(_, t)
    local message, text, code = from:get(t)
    if not message then return nil, text, code end
    local kind, id, aux = table.unpack(message, 1, 3)
    local function values(ok, ...)
      if ok then return kind, id, aux, ... end
      return -kind, id, aux, ...
    end
    return values(pcall(core.decode, message[4]))
  end
  function port.flush() end
  function port.hooks() end
  function port.close()
    from:close(true)
    to:close()
  end
  function port.closed() return to:closed() end
  return port
end

function M.ports()
  if core.port_pair then return core.port_pair() end
  local there, back = crun.Queue(), crun.Queue()
  return end_of(back, there), end_of(there, back)
end

--- The link of a parent and that of its worker.
function M.pair()
  local a, b = M.ports()
  return Link.new(a, { to = "to a worker" }), Link.new(b, { to = "to the parent" })
end

return M
