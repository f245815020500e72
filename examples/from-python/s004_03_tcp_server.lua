-- SPDX-License-Identifier: MIT
-- A TCP server that answers in upper case, one task a connection; fifty clients, each a task
-- too, send it ten messages each. (The original's clients are threads of another process.)
-- Run: crun examples/from-python/s004_03_tcp_server.lua

local crun = require "crun"
local CLIENTS, MESSAGES = 50, 10

local open_now, most = 0, 0
local talks = {}

local function communication(conn)
  open_now = open_now + 1
  most = math.max(most, open_now)
  for data in function() return conn:recv(1024) end do
    conn:write(data:upper())
  end
  open_now = open_now - 1
  conn:close()
end

local function serve(listener)
  while true do
    talks[#talks + 1] = crun.spawn(communication, assert(listener:accept()))
  end
end

local listener = assert(crun.net.listen("127.0.0.1", 0))
local _, port = listener:sockname()
local server = crun.spawn(serve, listener)

local good = {}
local function client(number)
  local conn <close> = assert(crun.net.connect("127.0.0.1", port))
  for n = 0, MESSAGES - 1 do
    local message = ("Task-%d say hello %d"):format(number, n)
    assert(conn:write(message))
    local answer = conn:recv(1024)
    good[#good + 1] = answer == message:upper()
  end
end

local clients = {}
for number = 1, CLIENTS do
  clients[number] = crun.spawn(client, number)
end
crun.joinall(clients, { raise = true })

local right = true
for _, ok in ipairs(good) do
  right = right and ok
end
local function yes(condition) return condition and "True" or "False" end
print("answers: " .. #good .. " right: " .. yes(right))

crun.joinall(talks)
crun.killall { server }
listener:close()
print("several at once: " .. yes(most > 1) .. " left open: " .. open_now)
