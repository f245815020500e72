-- SPDX-License-Identifier: MIT
--
-- The worker's side of its link to its parent: what a thread or a process runs as its main chunk.

local Link = require "crun.link"

local M = {}

---The link to the parent; nil in a program that is nobody's worker.
---@type crun.Link?
M.link = nil

---Serves the parent over the port, until it has finished asking or is gone. Then what still runs
---for it has ended, too.
---May wait. Raises: a cancel.
---@param port table
---@param info? {name?: string}
---@return integer status 0, or 1 when the parent has gone without a goodbye
function M.main(port, info)
  local link = Link.new(port, { to = "to the parent" })
  link.name = info and info.name
  M.link = link
  link:serve()
  local orderly = not link:closed() or link.orderly
  link:close()
  return orderly and 0 or 1
end

return M
