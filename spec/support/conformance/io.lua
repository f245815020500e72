-- SPDX-License-Identifier: MIT

--- What operations on descriptors have in common. What the kernel reports comes with a look at I/O
--- and not in the turn in which it was brought about; so there are no cells in which it meets a
--- timeout.
local M = {}

--- The outcomes that differ, with those of all I/O.
function M.expect(outcomes)
  for _, name in ipairs {
    "woken in time", "woken, then timed out in one turn", "due, then woken in one turn",
    "woken, then timed out from outside",
  } do
    outcomes[name] = false
  end
  return outcomes
end

function M.close(line) line.object:close() end

function M.close_both(line)
  line.object:close()
  line.peer:close()
end

return M
