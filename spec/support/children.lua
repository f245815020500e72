-- SPDX-License-Identifier: MIT

--- The processes that this one has started, zombies among them.
local files = require "spec.support.files"
local lfs = require "lfs"

local M = {}

local function own_pid()
  return tonumber(lfs.symlinkattributes("/proc/self", "target"))
end

--- Parent and state of a process; nil: there is none.
local function status(pid)
  local ok, text = pcall(files.read, ("/proc/%s/stat"):format(pid))
  if not ok or not text then return nil end -- it has ended meanwhile
  local state, parent = text:match "^.*%) (%a) (%d+)"
  return tonumber(parent), state
end

--- Whether a process has ended: it is gone, or a zombie that somebody else has to reap.
function M.ended(pid)
  local parent, state = status(pid)
  return not parent or state == "Z"
end

--- The children by their pids, with their states.
function M.list()
  local found, own = {}, own_pid()
  for name in lfs.dir "/proc" do
    if name:find "^%d+$" then
      local parent, state = status(name)
      if parent == own then found[tonumber(name)] = state end
    end
  end
  return found
end

--- How many there are.
function M.count()
  local n = 0
  for _ in pairs(M.list()) do n = n + 1 end
  return n
end

return M
