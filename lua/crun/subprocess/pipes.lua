-- SPDX-License-Identifier: MIT
--
-- The pipes between this program and a child.

local core = require "crun.core"

local M = {}

---The standard streams' names by their descriptors.
M.STREAMS = { [0] = "stdin", "stdout", "stderr" }

---Closes what has been opened for a child: our ends, and those that it has got.
---Switches: never.
---@param ours table<string, crun.Stream>
---@param theirs integer[]
function M.close(ours, theirs)
  for _, stream in pairs(ours) do stream:close() end
  for _, fd in pairs(theirs) do core.close_fd(fd) end
end

---Opens a pipe for the child's descriptor. Returns our Stream and the child's end.
local function open_pipe(target)
  local reading, writing, code = core.pipe()
  if not reading then return nil, writing, code end
  local theirs, mine = reading, writing
  if target > 0 then theirs, mine = writing, reading end
  local stream, message
  stream, message, code = core.stream_open(mine)
  if stream then return stream, theirs end
  core.close_fd(theirs)
  return nil, message, code
end

---Opens the pipes among the sources, which are replaced by the child's ends. Returns our Streams by
---their names, and these ends.
---Switches: never.
---@param fds table<integer, any>
---@return table<string, crun.Stream>? ours, integer[]|string theirs, string? code
function M.open(fds)
  local ours, theirs = {}, {}
  for target = 0, 2 do
    if fds[target] == "pipe" then
      local stream, fd, code = open_pipe(target)
      if not stream then
        M.close(ours, theirs)
        return nil, fd, code
      end
      ours[M.STREAMS[target]], theirs[#theirs + 1], fds[target] = stream, fd, fd
    end
  end
  if fds[2] == "stdout" then
    local out = fds[1]
    fds[2] = (out == nil or out == "inherit") and 1 or out
  end
  return ours, theirs
end

return M
