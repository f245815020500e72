-- SPDX-License-Identifier: MIT

--- Each kind of case of a select, between two that never come: as the same wait without a select,
--- in all other respects too.
local crun = require "crun"
local items = require "spec.support.conformance.items"

local M = {}

local function chosen(index, ...)
  if index == nil then return nil, ... end
  if index ~= 2 then error("case " .. index) end
  return ...
end

--- `after(line)` makes the operation's result, where that of the case is no more than a sign.
local function derive(part, name, case, after)
  local operation = {}
  for key, value in pairs(require("spec.support.conformance." .. part)[name]) do
    operation[key] = value
  end
  function operation.wait(line, i, t)
    line.never = line.never or { crun.Queue(), crun.Event() }
    local result = table.pack(chosen(crun.select {
      { line.never[1], "get" }, case(line, i), { line.never[2] }, timeout = t,
    }))
    if after and (result[1] or result.n == 0) then return after(line) end
    return items.number(table.unpack(result, 1, result.n))
  end
  M["select of " .. name] = operation
end

local function object(line) return { line.object } end

for _, name in ipairs { "Queue", "LifoQueue", "PriorityQueue" } do
  derive("queues", name .. ":get", function(line) return { line.object, "get" } end)
  derive("queues", name .. ":put", function(line, i)
    return { line.object, "put", items.item(i) }
  end)
end
for _, name in ipairs { "Channel(0)", "Channel(2)" } do
  derive("queues", name .. ":recv", function(line) return { line.object, "recv" } end)
end
for _, name in ipairs { "Channel(0)", "Channel(1)" } do
  derive("queues", name .. ":send", function(line, i)
    return { line.object, "send", items.item(i) }
  end)
end
derive("signals", "Event:wait", object)
derive("locks", "Lock:acquire", object)
derive("locks", "RLock:acquire", object)
derive("locks", "Semaphore:acquire", object)
derive("locks", "Semaphore:acquire of many units", object)
derive("locks", "BoundedSemaphore:acquire", object)
derive("tasks", "Task:get", object)
derive("tasks", "Future:get", object)
derive("tasks", "sleep for 3 s", function() return { 3 } end, function() return true end)
derive("tasks", "sleep for 0.5 s", function() return { 0.5 } end, function() return true end)
derive("streams", "stream:read", function(line) return { line.object, "read" } end,
  function(line) return math.tointeger(tonumber(line.object:read("l"))) end)

return M
