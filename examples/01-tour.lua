-- SPDX-License-Identifier: MIT
-- A tour in five stops: tasks that sleep at once, results gathered in order, a queue between
-- tasks, a call that runs out of time, and a TCP server with 500 clients connected at once.
-- Everything below runs on one thread, and every call that takes time is written as if it blocked.
--
-- Run: make run        (or: crun examples/01-tour.lua)

local crun = require "crun"

local began = crun.now()

-- Prints a line with the seconds since the last one.
local function report(...)
  print(("%-64s %6.3f s"):format(string.format(...), crun.now() - began))
  began = crun.now()
end

-- 1. spawn and sleep -------------------------------------------------------------------------
-- Ten thousand tasks sleep a tenth of a second each; together they take a tenth of a second.

local sleepers = {}
for i = 1, 10000 do
  sleepers[i] = crun.spawn(crun.sleep, 0.1)
end
crun.joinall(sleepers)
report("spawn:   %d tasks slept 0.1 s each", #sleepers)

-- 2. gather ----------------------------------------------------------------------------------
-- Three functions run side by side; their results come in the order of the arguments,
-- although the last one is ready first.

local function fetch(name, seconds)
  crun.sleep(seconds)
  return name
end

local red, green, blue = crun.gather(
  function() return fetch("red", 0.06) end,
  function() return fetch("green", 0.04) end,
  function() return fetch("blue", 0.02) end)
report("gather:  %s, %s, %s", red, green, blue)

-- 3. a queue between tasks -------------------------------------------------------------------
-- The queue holds four items at most, so the producer waits whenever the consumer is behind.

local numbers = crun.Queue(4)

crun.spawn(function()
  for n = 1, 1000 do numbers:put(n) end
  numbers:close()
end)

local sum = 0
for n in numbers:iter() do sum = sum + n end
report("queue:   the sum of 1 to 1000 is %d", sum)

-- 4. a timeout -------------------------------------------------------------------------------
-- Any wait can be given a limit. What fails in an expected way returns nil, a message and a code.

local value, _, code = crun.with_timeout(0.05, fetch, "too late", 10)
report("timeout: the answer is %s, the code is %s", tostring(value), code)

-- 5. a server and 500 clients ----------------------------------------------------------------
-- One task accepts; each connection gets a task that answers every line in upper case.

local CLIENTS, ROUNDS = 500, 5
local listener = assert(crun.net.listen("127.0.0.1", 0, { backlog = CLIENTS }))
local _, port = listener:sockname()
local connected, peak = 0, 0

local function answer(stream)
  local conn <close> = stream
  connected = connected + 1
  peak = math.max(peak, connected)
  for line in conn:lines() do
    assert(conn:write(line:upper(), "\n"))
  end
  connected = connected - 1
end

local server = crun.spawn(function()
  while true do
    crun.spawn(answer, assert(listener:accept()))
  end
end)

-- Each client says hello, waits until all the others have, and then goes through its rounds.
local hello, start = crun.Queue(), crun.Queue()

local function client(id)
  local conn <close> = assert(crun.net.connect("127.0.0.1", port))
  local right = 0
  for round = 1, ROUNDS do
    assert(conn:write(("client %d, round %d\n"):format(id, round)))
    if conn:read("l") == ("CLIENT %d, ROUND %d"):format(id, round) then right = right + 1 end
    if round == 1 then
      hello:put(id)
      start:get()
    end
  end
  return right
end

local clients = {}
for id = 1, CLIENTS do
  clients[id] = crun.spawn(client, id)
end
for _ = 1, CLIENTS do hello:get() end
start:close() -- a closed queue lets everybody through

local right = 0
for _, count in ipairs(crun.gather(clients)) do right = right + count end
report("tcp:     %d clients at once, %d of %d answers right", peak, right, CLIENTS * ROUNDS)

server:cancel()
listener:close()
