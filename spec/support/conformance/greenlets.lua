-- SPDX-License-Identifier: MIT

--- A wait inside of a greenlet, or of a coroutine, is that of its task.
local crun = require "crun"

local M = {}

for name, inside in pairs {
  ["in a greenlet"] = function(wait, ...) return crun.Greenlet(wait):switch(...) end,
  ["in a greenlet of a greenlet"] = function(wait, ...)
    local outer = crun.Greenlet(function(...) return crun.Greenlet(wait):switch(...) end)
    return outer:switch(...)
  end,
  ["in a coroutine"] = function(wait, ...) return coroutine.wrap(wait)(...) end,
  ["in a comparator"] = function(wait, ...)
    local arguments, results = table.pack(...), nil
    table.sort({ 2, 1 }, function(a, b)
      results = results or table.pack(wait(table.unpack(arguments, 1, arguments.n)))
      return a < b
    end)
    return table.unpack(results, 1, results.n)
  end,
} do
  local operation = {}
  for key, value in pairs(require("spec.support.conformance.queues")["Queue:get"]) do
    operation[key] = value
  end
  local wait = operation.wait
  function operation.wait(...) return inside(wait, ...) end
  M["Queue:get " .. name] = operation
end

return M
