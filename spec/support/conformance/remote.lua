-- SPDX-License-Identifier: MIT

--- Operations as they are through a proxy: who waits has a proxy of the object, at the other end of
--- a link; whoever wakes and checks has the object itself.
local links = require "spec.support.links"

local M = {}

--- The line as those see it who wait.
local function seen(line)
  return setmetatable({ object = line.proxy }, { __index = line, __newindex = line })
end

local function open_link(line)
  line.here, line.there = links.pair()
  line.proxy = links.proxy(line.here, line.object)
end

local function close_link(line)
  line.proxy = nil
  line.here:close()
  line.there:join()
end

local function any(...)
  local set = {}
  for _, outcome in ipairs { ... } do set[outcome] = true end
  return set
end

--- Between two workers there is no one turn: of what happens at both ends at once, either comes
--- first.
local EITHER = {
  ["woken, then cancelled in one turn"] = any("value", "cancelled"),
  ["cancelled, then woken in one turn"] = any("value", "cancelled"),
  ["woken, then timed out from outside"] = any("value", "timeout"),
  ["woken, then thrown into in one turn"] = any("value", "thrown"),
  ["thrown into, then woken in one turn"] = any("value", "thrown"),
  ["due, then cancelled in one turn"] = any("timeout", "cancelled"),
  ["cancelled, then due in one turn"] = any("timeout", "cancelled"),
  ["cancelled, then closed in one turn"] = any("closed", "cancelled", "EBROKEN"),
  ["all at once, woken first"] = any("value", "thrown"),
}

--- A lock goes from one waiter to the next by messages of theirs, which take several turns.
local EITHER_OF_LOCKS = setmetatable({
  ["due, then woken in one turn"] = any("value", "timeout"),
  ["woken, then timed out in one turn"] = any("value", "timeout"),
}, { __index = EITHER })

--- Whoever is interrupted looks for its outcome, and may find it before another one is told.
local UNORDERED = {
  ["woken, then timed out from outside"] = true,
  ["woken, then timed out in one turn"] = true,
  ["due, then woken in one turn"] = true,
}

--- One that is cancelled beforehand never comes to the barrier, and does not break it.
local BARRIER = { ["cancelled before"] = false, ["cancelled before, timed"] = false }

--- The operation through a proxy; whether it is one that waits for a lock.
function M.through(operation, is_lock)
  local remote = {}
  for key, value in pairs(operation) do remote[key] = value end
  function remote.open(line)
    operation.open(line)
    open_link(line)
  end
  function remote.wait(line, i, t) return operation.wait(seen(line), i, t) end
  if operation.release then
    function remote.release(line, i) operation.release(seen(line), i) end
  end
  function remote.finish(line)
    close_link(line)
    if operation.finish then operation.finish(line) end
  end
  remote.turns, remote.unordered = 12, UNORDERED
  remote.either = is_lock and EITHER_OF_LOCKS or EITHER
  if operation.breaks then
    remote.expect = setmetatable(BARRIER, { __index = operation.expect })
  end
  return remote
end

return M
