-- SPDX-License-Identifier: MIT

--- Pipes, and ports in memory. What a socket brings comes with a look at I/O and not in the turn in
--- which it was sent; so for connections there are no cells in which it meets a timeout.
local core = require "crun.core"
local crun = require "crun"
local items = require "spec.support.conformance.items"

local M = {}

local function expect(outcomes)
  for _, name in ipairs {
    "woken in time", "woken, then timed out in one turn", "due, then woken in one turn",
    "woken, then timed out from outside",
  } do
    outcomes[name] = false
  end
  return outcomes
end

local function close(line) line.object:close() end

local function close_both(line)
  line.object:close()
  line.peer:close()
end

M["Connection:recv"] = items.getter {
  open = function(line) line.object, line.peer = crun.Pipe() end,
  wait = function(line, _, t) return items.number(line.object:recv(t)) end,
  put = function(line, item) return (line.peer:send(item)) end,
  drain = function(line) return (line.object:recv(0)) end,
  close = close, finish = close_both,
  io = true, alone = true, late = true,
  -- Closing drops what has not been received.
  expect = expect { ["woken, then closed in one turn"] = false },
}

--- The fourth result is the item.
local function received(kind, ...)
  if kind then return items.number((select(3, ...))) end
  return kind, ...
end

M["Port:recv"] = items.getter {
  open = function(line) line.object, line.peer = core.port_pair() end,
  wait = function(line, _, t) return received(line.object:recv(t)) end,
  put = function(line, item) return (line.peer:send(1, 1, 1, item)) and line.peer:flush() end,
  drain = function(line) return (received(line.object:recv(0))) end,
  close = close, finish = close_both,
}

return M
