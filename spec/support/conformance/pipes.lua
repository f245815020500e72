-- SPDX-License-Identifier: MIT

--- Pipes, and ports in memory.
local core = require "crun.core"
local crun = require "crun"
local io = require "spec.support.conformance.io"
local items = require "spec.support.conformance.items"

local M = {}

local close, close_both = io.close, io.close_both

M["Connection:recv"] = items.getter {
  open = function(line) line.object, line.peer = crun.Pipe() end,
  wait = function(line, _, t) return items.number(line.object:recv(t)) end,
  put = function(line, item) return (line.peer:send(item)) end,
  drain = function(line) return (line.object:recv(0)) end,
  close = close, finish = close_both,
  io = true, alone = true, late = true,
  -- Closing drops what has not been received.
  expect = io.expect { ["woken, then closed in one turn"] = false },
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
