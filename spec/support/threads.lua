-- SPDX-License-Identifier: MIT

--- Threads in specs.
local crun = require "crun"

local M = {}

--- A started thread that calls the function with these arguments.
function M.start(fn, ...)
  local thread = crun.Thread { target = fn, args = table.pack(...) }
  local started, message = thread:start()
  return started or error(message, 2)
end

return M
