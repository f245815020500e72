-- SPDX-License-Identifier: MIT

--- Groups: their ends wait for their tasks, which must not outlive them.
local assert = require "luassert"
local crun = require "crun"

local M = {}

local function child(line)
  line.running = line.running + 1
  local _ <close> = setmetatable({}, { __close = function() line.running = line.running - 1 end })
  line.go:wait()
end

--- A group raises what all its tasks have raised, and here there is one error at most.
local function only_error(ok, ...)
  if ok then return ... end
  local err = ...
  if getmetatable(err) == crun.Error then
    assert.equal(1, #err.errors)
    err = err.errors[1]
  end
  error(err, 0)
end

for name, wait in pairs {
  ["end of group(fn)"] = function(line)
    crun.group(function(group)
      group:spawn(child, line)
      group:spawn(child, line)
    end)
    return true
  end,
  ["wait in group(fn)"] = function(line)
    return crun.group(function(group)
      return group:spawn(child, line):join()
    end)
  end,
  ["end of a Group's block"] = function(line)
    do
      local group <close> = crun.Group()
      group:spawn(child, line)
    end
    return true
  end,
} do
  M[name] = {
    open = function(line)
      line.go = crun.Event()
      line.running = 0
    end,
    wait = function(line) return only_error(pcall(wait, line)) end,
    wake = function(line) line.go:set() end,
    wakes = "all", untimed = true, late = true,
    check = function(line) assert.equal(0, line.running) end,
  }
end

return M
