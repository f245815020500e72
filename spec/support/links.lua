-- SPDX-License-Identifier: MIT

--- Two links joined in one hub: most of what goes between workers, without workers.
local Link = require "crun.link"
local core = require "crun.core"

local M = { globals = _G }

M.ports = core.port_pair

--- The link of a parent and that of its worker.
function M.pair()
  local a, b = M.ports()
  return Link.new(a, { to = "to a worker" }), Link.new(b, { to = "to the parent" })
end

return M
