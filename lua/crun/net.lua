-- SPDX-License-Identifier: MIT
--
-- Module crun.net: TCP. connect, listen, Stream and Listener are in C; here is serve.

local check = require "crun.check"
local core = require "crun.core"

local M = core.net

---How long serve waits, at most, for a descriptor to become free.
local BACK_OFF = 0.1

---Failures of accept that say nothing about the listener: what it lacks may come back.
local SHORTAGES = { EMFILE = true, ENFILE = true, ENOBUFS = true, ENOMEM = true }

---@class crun.net.Options
---@field timeout? number seconds for connecting; for listening, those for looking up the host name
---@field nodelay? boolean send small pieces at once; true by default
---@field keepalive? integer|false seconds of silence after which the peer is probed
---@field backlog? integer listening: connections that may wait for an accept
---@field reuseport? boolean listening: several sockets share the port
---@field ipv6only? boolean listening on IPv6: no IPv4 connections

---@class crun.net.ServeOptions: crun.net.Options
---@field max? integer connections at a time; further ones wait in the system's backlog
---@field on_listen? fun(listener: crun.Listener) called once the port is open

local function bad_argument(number, what)
  error(("bad argument #%d to 'serve' (%s)"):format(number, what), 4)
end

---Splits the options into serve's own and those for listen.
local function split(handler, options)
  if not check.is_callable(handler) then
    bad_argument(3, ("function expected, got %s"):format(type(handler)))
  end
  if options ~= nil and type(options) ~= "table" then
    bad_argument(4, ("table expected, got %s"):format(type(options)))
  end
  local listening = {}
  for key, value in pairs(options or {}) do listening[key] = value end
  local max, on_listen = listening.max, listening.on_listen
  listening.max, listening.on_listen = nil, nil
  if max ~= nil and (math.type(max) ~= "integer" or max < 1) then
    bad_argument(4, ("option 'max': an integer >= 1 expected, got %s"):format(tostring(max)))
  end
  if on_listen ~= nil and not check.is_callable(on_listen) then
    bad_argument(4, ("option 'on_listen': function expected, got %s"):format(type(on_listen)))
  end
  return listening, max or math.huge, on_listen
end

---Counts the connections of one server, and lets its accepting task wait until one ends.
local function connections()
  local ended = core.Queue(1)
  local self = { live = 0 }
  local place = setmetatable({}, { __close = function()
    self.live = self.live - 1
    ended:put_nowait(true)
  end })

  function self.run(handler, stream)
    local _ <close> = place
    local conn <close> = stream
    return handler(conn)
  end

  ---Waits until a connection has ended since the last call, or the time is up.
  function self.wait(seconds)
    ended:get(seconds)
  end

  return self
end

local function report(listener, message)
  local host, port = listener:sockname()
  io.stderr:write(("crun: net.serve on %s port %s: %s; waiting until a connection ends\n")
    :format(host, port, message))
end

local function accept_all(listener, handler, max)
  local served, reported = connections(), false
  while true do
    while served.live >= max do served.wait() end
    local stream, message, code = listener:accept()
    if stream then
      served.live = served.live + 1
      core.spawn(served.run, handler, stream)
    elseif code == "ECLOSED" then
      return true
    elseif not SHORTAGES[code] then
      return nil, message, code
    else
      if not reported then report(listener, message) end
      reported = true
      served.wait(BACK_OFF)
    end
  end
end

---What listen says about its arguments becomes what serve says about the same ones.
local function own_arguments(message)
  return (message:gsub("^bad argument #(%d) to '[^']*'", function(number)
    return ("bad argument #%s to 'serve'"):format(number == "3" and "4" or number)
  end))
end

local function open(host, port, options)
  local ok, listener, message, code = pcall(M.listen, host, port, options)
  if ok then return listener, message, code end
  local err = listener
  if type(err) ~= "string" then error(err, 0) end
  error(own_arguments(err), 3)
end

---Listens, and accepts connections in the calling task; each gets a task of its own that calls
---`handler(stream)` and closes the stream afterwards. Returns true once the listener is closed (see
---on_listen), or nil, message, code when listening or accepting fails. When the calling task is
---cancelled, the port is closed; connections go on. Switches: yes.
---@param host string
---@param port integer
---@param handler fun(stream: crun.Stream)
---@param options? crun.net.ServeOptions
---@return true?
---@return string? message
---@return string? code
function M.serve(host, port, handler, options)
  local listening, max, on_listen = split(handler, options)
  local opened, message, code = open(host, port, listening)
  if not opened then return nil, message, code end
  local listener <close> = opened
  if on_listen then on_listen(listener) end
  return accept_all(listener, handler, max)
end

return M
