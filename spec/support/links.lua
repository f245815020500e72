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

--- What the object becomes at the other end of a link within this hub.
function M.proxy(link, object)
  local got
  links_keep = function(value) got = value end -- luacheck: ignore links_keep
  link:submit(function(value) links_keep(value) end, object):get() -- luacheck: ignore links_keep
  links_keep = nil -- luacheck: ignore links_keep
  return got
end

return M
