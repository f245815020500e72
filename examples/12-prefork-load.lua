-- SPDX-License-Identifier: MIT
--
-- A server of two processes under load, while one of them is killed and all are reloaded: no
-- connection is refused, and only what the killed one was at is lost. The file is both: the server,
-- when `crun --workers` runs it, and the clients.

local crun = require "crun"

local function serve()
  crun.net.serve("127.0.0.1", 0, function(conn)
    for line in conn:lines() do conn:write(line:upper(), "\n") end
  end)
end

if crun.worker_id then return serve() end

-- --- the server's log ----------------------------------------------------------------------------

local program = assert(require "crun.program".find()) -- the `crun` that this module belongs to
local master <close> = assert(crun.subprocess.Popen {
  program, "--workers", "2", arg[0], stdin = "null", stderr = "pipe",
})
local log = crun.Queue()
local reader = crun.spawn(function()
  for line in master.stderr:lines() do log:put(line) end
  log:close()
end)

---Waits for a line of the log; returns what it captures.
local function await(pattern)
  for line in log:iter() do
    local found = line:match(pattern)
    if found then return found end
  end
  error("the server has ended before saying " .. pattern)
end

local port = tonumber(await "listening on %S+ port (%d+)")
local victim = tonumber(await "is ready, pid (%d+)")
await "is ready, pid (%d+)"
print("two workers serve")

-- --- the load ------------------------------------------------------------------------------------

local CLIENTS = 8
local answered, refused, cut, going = 0, 0, 0, true

local function request()
  local conn <close> = crun.net.connect("127.0.0.1", port)
  if not conn then
    refused = refused + 1
    return
  end
  conn:write("hello\n")
  if conn:read("l") then answered = answered + 1 else cut = cut + 1 end
end

local clients = {}
for i = 1, CLIENTS do
  clients[i] = crun.spawn(function() while going do request() end end)
end

-- --- the misfortunes -----------------------------------------------------------------------------

crun.subprocess.run { "kill", "-KILL", tostring(victim) }
print("a worker " .. await("pid " .. victim .. "%) (was killed by signal 9 %(SIGKILL%))"))
await "is ready"
print("it has been replaced")
local cut_by_kill = cut

master:send_signal("SIGHUP")
await "the reload is done"
for _ = 1, 2 do await "exited with status 0" end
local before = answered
while answered < before + 100 do crun.sleep(0.001) end
print("all have been reloaded")

going = false
crun.joinall(clients)
master:send_signal("SIGTERM")
print("the server ended with status " .. master:wait())
reader:join()

print("connections refused: " .. refused)
print("lost by the kill, at most one for each client: " .. tostring(cut_by_kill <= CLIENTS))
print("lost by the reload: " .. cut - cut_by_kill)
print("requests answered: " .. (answered > 100 and "more than 100" or answered))
