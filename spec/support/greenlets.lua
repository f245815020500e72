-- SPDX-License-Identifier: MIT

--- What the specs of greenlets share.
local crun = require "crun"

local M = {}

--- A value whose closing is noted.
function M.closing(log, name)
  return setmetatable({}, { __close = function(_, err)
    log(name .. ":" .. (err and tostring(err):match("^[%a ]+") or "ok"))
  end })
end

--- Switches to the parent of the greenlet that runs.
function M.back(...)
  return crun.getcurrent().parent:switch(...)
end

--- A greenlet that is suspended in its parent with a variable to close.
function M.suspended(log, name)
  local g = crun.Greenlet(function()
    local _ <close> = M.closing(log, name)
    M.back()
  end)
  g:switch()
  return g
end

return M
