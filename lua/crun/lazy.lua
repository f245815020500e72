-- SPDX-License-Identifier: MIT
--
-- What of module crun is loaded when it is first asked for, so that those who do not use it have
-- nothing to wait for.

local M = {}

-- Names of crun that are a field of the same name in another module.
local members = {
  Manager = "crun.manager",
  Pipe = "crun.pipe",
  Process = "crun.process",
  ProcessPool = "crun.executor",
  Supervisor = "crun.supervisor",
  Thread = "crun.thread",
  ThreadPool = "crun.executor",
  current_process = "crun.process",
  current_thread = "crun.thread",
  draining = "crun.prefork.worker",
  map = "crun.executor",
  processes = "crun.process",
  threads = "crun.thread",
  to_thread = "crun.thread.pool",
  worker_id = "crun.prefork.worker",
}

-- Names that are a module.
local modules = {
  subprocess = "crun.subprocess",
}

---Takes all names of a module at once: whoever has one of them has the others of the same module,
---also where it has been forgotten and is loaded again.
local function take(crun, module)
  local face = require(module)
  for name, from in pairs(members) do
    if from == module then rawset(crun, name, face[name]) end
  end
end

---Finds a name of crun that has not been asked for before.
---May switch: where a module that it loads does.
---@param crun table
---@param name any
---@return any value nil: there is no such name
function M.find(crun, name)
  if members[name] then
    take(crun, members[name])
  elseif modules[name] then
    rawset(crun, name, require(modules[name]))
  end
  return rawget(crun, name)
end

---The names, in order.
---Switches: never.
---@return string[]
function M.names()
  local list = {}
  for _, names in ipairs { members, modules } do
    for name in pairs(names) do list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

return M
