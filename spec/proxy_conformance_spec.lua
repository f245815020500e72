-- SPDX-License-Identifier: MIT

-- The conformance matrix of what can be sent to a worker, through proxies. Both ends of the link
-- are in one hub, where time can be virtual and schedules are drawn.
local matrix = require "spec.support.conformance.matrix"
local remote = require "spec.support.conformance.remote"

local operations = {}

local function add(parts, is_lock)
  for name, operation in pairs(matrix.operations(parts)) do
    local waits_for_lock = is_lock or name:find("^Condition")
    operations[name .. " through a proxy"] = remote.through(operation, waits_for_lock)
  end
end

add { "queues", "signals" }
add({ "locks" }, true)

local tasks = require "spec.support.conformance.tasks"
for _, name in ipairs { "Future:join", "Future:get" } do
  operations[name .. " through a proxy"] = remote.through(tasks[name])
end

matrix.define(operations, 20)
