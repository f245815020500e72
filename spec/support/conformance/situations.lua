-- SPDX-License-Identifier: MIT

--- What can end a wait, and the outcome that is expected of it.
---
--- A situation is a name, options, an outcome, and the steps of one turn, run while the line waits.
--- Options: `timeout` of the subject's call; `outer`: seconds of a with_timeout around it;
--- `before`: a step run before the subject begins to wait; `closes`: needs an object that can be
--- closed; `late`: the outcome where waking goes by way of another task, and so comes too late.
local core = require "crun.core"
local crun = require "crun"

--- What the subject is thrown.
local THROWN = setmetatable({}, { __tostring = function() return "thrown" end })

local function cancel(line) line.subject:cancel("picked") end
local function throw(line) line.subject:throw(THROWN) end
local function wake(line) line:wake_subject() end
local function expire() core.advance(5) end
local function settle() crun.sleep(1e-6) end
local function close(line) line:close() end

local list = {
  { "woken", {}, "value", wake },
  { "timeout 0", { timeout = 0 }, "timeout" },
  { "negative timeout", { timeout = -1 }, "timeout" },
  { "timeout", { timeout = 1 }, "timeout", expire },
  { "timed out from outside", { outer = 1 }, "timeout", expire },
  { "woken in time", { timeout = 1 }, "value", wake, settle, expire },
  { "cancelled before", { before = cancel }, "cancelled" },
  { "cancelled before, timed", { before = cancel, timeout = 1 }, "cancelled" },
  { "cancelled during", {}, "cancelled", cancel },
  { "cancelled during, timed", { timeout = 9 }, "cancelled", cancel },
  { "thrown into during", {}, "thrown", throw },
  { "closed before", { before = close, closes = true }, "closed" },
  { "closed during", { closes = true }, "closed", close },
  { "closed during, timed", { closes = true, timeout = 9 }, "closed", close },
  { "woken, then cancelled in one turn", { late = "cancelled" }, "value", wake, cancel },
  { "cancelled, then woken in one turn", {}, "cancelled", cancel, wake },
  { "woken, then timed out in one turn", { timeout = 1 }, "value", wake, expire },
  { "due, then woken in one turn", { timeout = 1 }, "value", expire, wake },
  { "woken, then timed out from outside", { outer = 1 }, "value", wake, expire },
  { "woken, then thrown into in one turn", { late = "thrown" }, "value", wake, throw },
  { "thrown into, then woken in one turn", {}, "thrown", throw, wake },
  { "due, then cancelled in one turn", { timeout = 1 }, "cancelled", expire, cancel },
  { "cancelled, then due in one turn", { timeout = 1 }, "cancelled", cancel, expire },
  { "woken, then closed in one turn", { closes = true, late = "closed" }, "value", wake, close },
  { "closed, then cancelled in one turn", { closes = true }, "closed", close, cancel },
  { "cancelled, then closed in one turn", { closes = true }, "cancelled", cancel, close },
  { "all at once, woken first", { timeout = 1, late = "thrown" }, "value",
    wake, cancel, throw, expire },
}

local M = { THROWN = THROWN }

for i, row in ipairs(list) do
  M[i] = {
    name = row[1], options = row[2], outcome = row[3], steps = table.move(row, 4, #row, 1, {}),
  }
  for _, step in ipairs(M[i].steps) do
    M[i].wakes = M[i].wakes or step == wake
  end
end

return M
