-- SPDX-License-Identifier: MIT
--
-- The worker's side of its link to its parent: what a thread or a process runs as its main chunk.

local Link = require "crun.link"
local core = require "crun.core"

local M = {}

---The link to the parent; nil in a program that is nobody's worker.
---@type crun.Link?
M.link = nil

---What a process exits with; nil: as main finds.
---@type integer?
M.status = nil

---Serves the parent over the port, until it has finished asking or is gone. Then what still runs
---for it has ended, too; so have, in a worker's main task, the tasks that this has left behind.
---May wait. Raises: a cancel.
---@param port table
---@param info? {name?: string, kind?: string} `kind`: main runs in the main task of a "process" or
---  a "thread"
---@return integer status M.status; else 0, or 1 when the parent has gone without a goodbye
function M.main(port, info)
  local link = Link.new(port, { to = "to the parent" })
  link.name = info and info.name
  M.link = link
  local ok, err
  -- A process whose target returns what cannot be sent has not succeeded.
  function link.note_failure() M.status = M.status and 1 end
  function link.is_ending() return ok == false or core.workers.is_interrupted() end
  ok, err = pcall(link.serve, link)
  local has_main_task = info and info.kind
  if not ok then
    -- Nothing can be spawned once main has ended, but clean-ups may have to.
    if has_main_task then core.shield(core.workers.await_tasks) end
    error(err, 0)
  end
  if has_main_task then core.workers.await_tasks() end
  local orderly = not link:closed() or link.orderly
  link:close()
  return M.status or (orderly and 0 or 1)
end

return M
