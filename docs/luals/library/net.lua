-- SPDX-License-Identifier: MIT
---@meta crun.net

---@class crun.net
local net = {}

---@class crun.net.Options
---@field timeout? number seconds for connecting; for listening, those for looking up the host name
---@field nodelay? boolean send small pieces at once; true by default
---@field keepalive? integer|false seconds of silence after which the peer is probed

---@class crun.net.ListenOptions: crun.net.Options
---@field backlog? integer connections that may wait for an accept
---@field reuseport? boolean several sockets share the port
---@field ipv6only? boolean no IPv4 connections

---@class crun.net.ServeOptions: crun.net.ListenOptions
---@field max? integer connections at a time; further ones wait in the backlog
---@field on_listen? fun(listener: crun.Listener) called once the port is open

--- May wait.
---@param host string
---@param port integer
---@param options? crun.net.Options
---@return crun.Stream? stream, string? message, string? code
function net.connect(host, port, options) end

--- May wait, for a host name only.
---@param host string
---@param port integer 0: the system picks a free one
---@param options? crun.net.ListenOptions
---@return crun.Listener? listener, string? message, string? code
function net.listen(host, port, options) end

--- Accepts in the calling task; each connection gets a task that calls handler(stream) and closes
--- the stream. Returns true once the listener is closed. May wait.
---@param host string
---@param port integer
---@param handler fun(stream: crun.Stream)
---@param options? crun.net.ServeOptions
---@return true? closed, string? message, string? code
function net.serve(host, port, handler, options) end

---@class crun.Listener
local Listener = {}

--- May wait.
---@param timeout? number seconds
---@return crun.Stream? stream, string? message, string? code
function Listener:accept(timeout) end

--- Tasks in accept get "ECLOSED". Never waits.
function Listener:close() end

--- Never waits.
---@return boolean
function Listener:closed() end

--- Never waits.
---@return string? host
---@return integer|string port or a message
---@return string? code
function Listener:sockname() end

---@class crun.Stream
local Stream = {}

--- As io.read: "l", "L", "n", "a" or a number of bytes; after a format a last number is the
--- timeout. nil alone is the end. May wait.
---@param ... string|number
---@return any ... what was read; or nil, message, code
function Stream:read(...) end

--- For a loop, as io.lines; raises failures. Each step may wait.
---@param ... string|number
---@return fun(): any ...
function Stream:lines(...) end

--- Some bytes, as soon as there are any; nil alone is the end. May wait.
---@param max? integer bytes
---@param timeout? number seconds
---@return string? bytes, string? message, string? code
function Stream:recv(max, timeout) end

--- After a string a last number is the timeout. Returns once the system has taken all of it.
--- May wait.
---@param ... string|number
---@return crun.Stream? self, string? message, string? code
function Stream:write(...) end

--- Nothing more will be written; the other side reads an end. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code
function Stream:shutdown(timeout) end

--- Whoever waits on it gets "ECLOSED". Never waits.
function Stream:close() end

--- Whether it was closed on this side. Never waits.
---@return boolean
function Stream:closed() end

--- The other end. Never waits.
---@return string? host
---@return integer|string port or a message
---@return string? code
function Stream:peername() end

--- This end. Never waits.
---@return string? host
---@return integer|string port or a message
---@return string? code
function Stream:sockname() end

--- Small pieces are sent at once. Never waits.
---@param on boolean
---@return true? done, string? message, string? code
function Stream:nodelay(on) end

--- A silent peer is probed. Never waits.
---@param seconds integer|false
---@return true? done, string? message, string? code
function Stream:keepalive(seconds) end

return net
