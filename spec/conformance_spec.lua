-- SPDX-License-Identifier: MIT

-- The conformance matrix: every operation that may wait x everything that can end a wait x both
-- ways to park x each place in the line of those who wait; and all of that under seeded schedules.
-- Whatever happens to one waiter, the others are served, in their order, and no item, unit or lock
-- is lost or given twice. spec/support/conformance/line.lua says how an operation is described,
-- situations.lua what can happen.
local line = require "spec.support.conformance.line"
local situations = require "spec.support.conformance.situations"
local support = require "spec.support"
local testing = require "crun.testing"

local SEEDS = 200

-- Each seed takes every fourth situation, so that each situation meets 50 of them.
local STRIDE = 4

-- Where each step is slow, an operation meets only a part of the situations, the next one others.
local STEP = math.ceil(#situations / support.scaled(5 * #situations, 3))

local operations, names = {}, {}
for _, part in ipairs {
  "tasks", "queues", "locks", "signals", "streams", "pools", "groups", "select", "greenlets",
} do
  for name, operation in pairs(require("spec.support.conformance." .. part)) do
    assert(not operations[name], name)
    operations[name] = operation
    names[#names + 1] = name
  end
end
table.sort(names)

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

for number, name in ipairs(names) do
  local operation = operations[name]
  describe(name, function()
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
          { n = support.scaled(SEEDS), limit = false })
      end)
    end
  end)
end
