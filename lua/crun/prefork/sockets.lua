-- SPDX-License-Identifier: MIT
--
-- The listening sockets that the master holds for its workers: one for each host, port and options.

local core = require "crun.core"

local net = core.net

local M = {}

---@class crun.prefork.Socket
---@field listener crun.Listener
---@field generation integer the last one that has asked for it

local Sockets = {}
Sockets.__index = Sockets

---@param log fun(format: string, ...: any)
function M.new(log)
  return setmetatable({ log = log, by_key = {} }, Sockets)
end

local function key_of(host, port, options, ordinal)
  local parts = {}
  for name, value in pairs(options or {}) do
    if name ~= "timeout" then parts[#parts + 1] = tostring(name) .. "=" .. tostring(value) end
  end
  table.sort(parts)
  return ("%s %s %s %s"):format(host, port, table.concat(parts, " "), ordinal)
end

---The Listener for what a worker asks for. A worker that asks for port 0 several times gets as many
---ports; ordinal: the number of such requests before. Others share one socket.
---May wait. Raises as net.listen does.
---@return crun.Listener? listener, string? message, string? code
function Sockets:open(host, port, options, ordinal, generation)
  local key = key_of(host, port, options, port == 0 and ordinal or 0)
  local socket = self.by_key[key]
  if not socket then
    local listener, message, code = net.listen(host, port, options)
    if not listener then return nil, message, code end
    socket = self.by_key[key] -- another worker may have asked for the same meanwhile
    if socket then
      listener:close()
    else
      socket = { listener = listener }
      self.by_key[key] = socket
      self.log("listening on %s port %d", listener:sockname())
    end
  end
  socket.generation = math.max(socket.generation or 0, generation)
  return socket.listener
end

---Closes what no worker from this generation on has asked for.
function Sockets:drop_before(generation)
  for key, socket in pairs(self.by_key) do
    if socket.generation < generation then
      self.log("no longer listening on %s port %d", socket.listener:sockname())
      socket.listener:close()
      self.by_key[key] = nil
    end
  end
end

function Sockets:close()
  for _, socket in pairs(self.by_key) do socket.listener:close() end
end

return M
