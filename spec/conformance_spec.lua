-- SPDX-License-Identifier: MIT

-- The conformance matrix: every operation that may wait x everything that can end a wait x both
-- ways to park x each place in the line of those who wait; and all of that under seeded schedules.
-- Whatever happens to one waiter, the others are served, in their order, and no item, unit or lock
-- is lost or given twice. spec/support/conformance/line.lua says how an operation is described,
-- situations.lua what can happen.
local matrix = require "spec.support.conformance.matrix"

matrix.define(matrix.operations {
  "tasks", "queues", "locks", "signals", "streams", "pools", "groups", "select", "greenlets",
  "pipes",
}, 200)
