-- SPDX-License-Identifier: MIT

--- Pairs of ports, of both kinds.
local core = require "crun.core"
local crun = require "crun"

local M = {}

--- Two ends, and what closes both with the block.
function M.closing(a, b)
  return a, b, setmetatable({}, { __close = function() a:close(); b:close() end })
end

function M.memory()
  return M.closing(core.port_pair())
end

function M.socket()
  local a, b = core.socketpair()
  return M.closing(core.port_open(a), core.port_open(b))
end

--- Until nothing more happens by itself, I/O included.
function M.settle()
  for _ = 1, 20 do crun.sleep(1e-4) end
end

return M
