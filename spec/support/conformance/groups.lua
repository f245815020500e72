-- SPDX-License-Identifier: MIT

--- Groups, whose ends wait for their tasks.
local assert = require "luassert"
local children = require "spec.support.conformance.children"
local crun = require "crun"

local M = {}

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
  ["end of group(fn)"] = function(run)
    crun.group(function(group)
      group:spawn(run)
      group:spawn(run)
    end)
    return true
  end,
  ["wait in group(fn)"] = function(run)
    return crun.group(function(group) return group:spawn(run):join() end)
  end,
  ["end of a Group's block"] = function(run)
    do
      local group <close> = crun.Group()
      group:spawn(run)
    end
    return true
  end,
} do
  M[name] = children.operation(function(run) return only_error(pcall(wait, run)) end)
end

return M
