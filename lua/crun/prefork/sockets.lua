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

local function key_of(host, port, options)
  local parts = {}
  for name, value in pairs(options or {}) do
    if name ~= "timeout" then parts[#parts + 1] = tostring(name) .. "=" .. tostring(value) end
  end
  table.sort(parts)
  return ("%s %s %s"):format(host, port, table.concat(parts, " "))
end

---A worker that asks for the same several times, with port 0, gets as many ports.
local function number_of(worker, key, port)
  if port ~= 0 then return 1 end
  local asked = worker.asked
  asked[key] = (asked[key] or 0) + 1
  return asked[key]
end

---The Listener for what a worker asks for: the same for the same of all workers.
---May wait. Raises as net.listen does.
---@param worker { asked: table<string, integer>, generation: integer }
---@return crun.Listener? listener, string? message, string? code
function Sockets:open(worker, host, port, options)
  local key = key_of(host, port, options)
  key = ("%s #%d"):format(key, number_of(worker, key, port))
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
  socket.generation = math.max(socket.generation or 0, worker.generation)
  return socket.listener
end

---Closes what no worker from this generation on has asked for.
function Sockets:drop_before(generation)
  for key, socket in pairs(self.by_key) do
    if socket.generation < generation then
      local host, port = socket.listener:sockname()
      socket.listener:close()
      self.by_key[key] = nil
      self.log("no longer listening on %s port %d", host, port)
    end
  end
end

function Sockets:close()
  for _, socket in pairs(self.by_key) do socket.listener:close() end
end

return M
