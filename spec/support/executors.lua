-- SPDX-License-Identifier: MIT

--- Tests that hold for pools of threads and of processes alike.
local busted = require "busted"
local crun = require "crun"

local M = {}

--- Defines the test for both: body(make, name).
function M.both(title, body)
  for _, name in ipairs { "ThreadPool", "ProcessPool" } do
    busted.it(("%s (%s)"):format(title, name), function() body(crun[name], name) end)
  end
end

return M
