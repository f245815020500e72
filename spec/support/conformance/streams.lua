-- SPDX-License-Identifier: MIT

--- Connections.
local assert = require "luassert"
local crun = require "crun"
local io = require "spec.support.conformance.io"
local items = require "spec.support.conformance.items"
local net = require "spec.support.net"

local M = {}

local close, close_pair = io.close, io.close_both

local function open_pair(line) line.object, line.peer = net.pair() end
local function yes(ok, ...)
  if ok then return true end
  return ok, ...
end

for name, read in pairs {
  ["stream:read"] = function(stream, t) return stream:read("l", t) end,
  ["stream:recv"] = function(stream, t)
    local piece, message, code = stream:recv(2, t)
    return piece and piece:sub(1, 1), message, code
  end,
} do
  local function number(text, ...)
    if text then return math.tointeger(tonumber(text)) end
    return text, ...
  end
  M[name] = items.getter {
    open = open_pair,
    wait = function(line, _, t) return number(read(line.object, t)) end,
    put = function(line, item) return line.peer:write(items.number(item) .. "\n") end,
    drain = function(line)
      if line.closed then return nil end
      line.peer:shutdown()
      return (number(read(line.object)))
    end,
    close = close, finish = close_pair,
    io = true, alone = true, late = true,
    -- Closing drops what has not been read.
    expect = io.expect { ["woken, then closed in one turn"] = false },
  }
end

local CHUNK = ("x"):rep(1 << 20)

M["stream:write"] = {
  open = function(line)
    open_pair(line)
    repeat until not line.object:write(CHUNK, 0)
  end,
  wait = function(line, _, t) return yes(line.object:write("x", t)) end,
  wake = function(line)
    line.reader = line.reader or crun.spawn(function()
      repeat until not line.peer:recv(#CHUNK)
    end)
  end,
  close = close, finish = close_pair,
  io = true, alone = true, late = true, expect = io.expect {},
}

--- What was opened by the way, closed with the line.
local function keep(line, stream)
  if stream then line.out[#line.out + 1] = stream end
  return stream
end

local function close_all(line)
  line.object:close()
  for _, stream in ipairs(line.out) do stream:close() end
end

local function open_listener(line) line.object, line.port = net.listener() end

M["listener:accept"] = {
  open = open_listener,
  wait = function(line, _, t)
    local stream, message, code = line.object:accept(t)
    return keep(line, stream) and true, message, code
  end,
  wake = function(line)
    line.fed = line.fed + 1
    crun.spawn(function() keep(line, (crun.net.connect("127.0.0.1", line.port))) end)
  end,
  check = function(line)
    local left = line.fed - #line.order
    for _ = 1, line.closed and 0 or left do
      assert.is_truthy(keep(line, (line.object:accept(1))), "a connection is lost")
    end
  end,
  close = close, finish = close_all,
  io = true, alone = true, late = true, expect = io.expect {},
}

M["connect"] = {
  open = function(line)
    open_listener(line)
    crun.sleep(1e-6) -- the hub has just looked at I/O and does not before the connect has begun
  end,
  wait = function(line, _, t)
    local stream, message, code = crun.net.connect("127.0.0.1", line.port, { timeout = t })
    return keep(line, stream) and true, message, code
  end,
  wake = function() end,
  finish = close_all,
  io = true, alone = true, late = true, brief = true,
  expect = io.expect { ["timeout"] = false, ["timed out from outside"] = false },
}

return M
