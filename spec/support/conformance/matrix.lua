-- SPDX-License-Identifier: MIT

--- The conformance matrix of a set of operations: each x everything that can end a wait x both ways
--- to park x each place in the line of those who wait; and all of that under seeded schedules.
local line = require "spec.support.conformance.line"
local situations = require "spec.support.conformance.situations"
local support = require "spec.support"
local testing = require "crun.testing"

local busted = require "busted"

local M = {}

-- Each seed takes every fourth situation, so that each situation meets so many fewer of them.
local STRIDE = 4

-- Where each step is slow, an operation meets only a part of the situations, the next one others.
local STEP = math.ceil(#situations / support.scaled(5 * #situations, 3))

local function play(operation, place, situation, seeded)
  local ok, err = xpcall(line.play, debug.traceback, operation, place, situation, seeded)
  if not ok then error(("%s, at place %d: %s"):format(situation.name, place, err), 0) end
end

local function under_seed(operation, seed)
  for i, situation in ipairs(situations) do
    if (i + seed) % STRIDE == 0 and line.applies(operation, situation) then
      play(operation, seed % line.places(operation) + 1, situation, true)
    end
  end
end

local function define_one(number, name, operation, seeds)
  busted.describe(name, function()
    for i, situation in ipairs(situations) do
      if (i + number) % STEP == 0 and line.applies(operation, situation) then
        support.both(situation.name, function()
          for place = 1, line.places(operation) do play(operation, place, situation) end
        end)
      end
    end

    if not (operation.brief or operation.io) then
      support.both("all of that under seeded schedules", function()
        testing.schedules(function(seed) under_seed(operation, seed) end,
          { n = support.scaled(seeds), limit = false })
      end)
    end
  end)
end

--- Defines the tests of operations by name, each under so many seeds.
function M.define(operations, seeds)
  local names = {}
  for name in pairs(operations) do names[#names + 1] = name end
  table.sort(names)
  for number, name in ipairs(names) do define_one(number, name, operations[name], seeds) end
end

--- The operations of several files beside this one, by name.
function M.operations(parts)
  local operations = {}
  for _, part in ipairs(parts) do
    for name, operation in pairs(require("spec.support.conformance." .. part)) do
      assert(not operations[name], name)
      operations[name] = operation
    end
  end
  return operations
end

return M
