-- SPDX-License-Identifier: MIT

--- Calls that start tasks of their own, which must not outlive them: they wait for `line.go`.
local crun = require "crun"

local M = {}

local function child(line, mine)
  mine.running = mine.running + 1
  local _ <close> = setmetatable({}, { __close = function() mine.running = mine.running - 1 end })
  line.go:wait()
  return "result"
end

local function finish(mine, ok, ...)
  if mine.running > 0 then error(mine.running .. " tasks have outlived the call") end
  if not ok then error((...), 0) end
  return ...
end

--- An operation whose `wait(run, line)` starts tasks that call `run`.
function M.operation(wait)
  return {
    open = function(line) line.go = crun.Event() end,
    wait = function(line)
      local mine = { running = 0 }
      local function run() return child(line, mine) end
      return finish(mine, pcall(wait, run, line))
    end,
    wake = function(line) line.go:set() end,
    wakes = "all", untimed = true, late = true,
  }
end

return M
