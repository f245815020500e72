-- SPDX-License-Identifier: MIT
-- A port scanner on all cores: one process for each core, and in each of them up to 500 connections
-- at a time, a task for each. It reads the greeting of every open port. The ports are opened here,
-- on a loopback address; their services take a moment to greet, as services do.
--
-- Run: crun examples/10-port-scanner.lua

local crun = require "crun"

local ADDRESS = ("127.78.%d.%d"):format(math.random(0, 255), math.random(1, 254))
local FIRST, LAST, OPEN = 20000, 20999, 40

-- The greeting of a port, or nil where nobody listens.
local function probe(port)
  local conn <close> = crun.net.connect(ADDRESS, port, { timeout = 5 })
  return conn and conn:read("l", 5)
end

-- The greetings of a range of ports, looked at so many at once.
local function scan(first, last, at_once)
  local found = {}
  local pool <close> = crun.Pool(at_once)
  for port = first, last do
    pool:spawn(function() found[port] = probe(port) end)
  end
  pool:join()
  return found
end

local function scan_on_all_cores(processes, cores)
  local ranges, found = {}, {}
  local size = (LAST - FIRST + 1) // cores
  for i = 1, cores do
    local first = FIRST + (i - 1) * size
    ranges[i] = { first, i < cores and first + size - 1 or LAST, 500 }
  end
  for _, part in ipairs(processes:starmap(scan, ranges)) do
    for port, greeting in pairs(part) do found[port] = greeting end
  end
  return found
end

local function serve(port)
  crun.net.serve(ADDRESS, port, function(conn)
    crun.sleep(0.03)
    conn:write("this is service " .. port .. "\n")
  end)
end

local function report(title, fn, ...)
  local start = crun.now()
  local found = fn(...)
  local seconds, ports, right = crun.now() - start, 0, 0
  for port, greeting in pairs(found) do
    ports = ports + 1
    if greeting == "this is service " .. port then right = right + 1 end
  end
  print(("%-12s %d open ports, %d greetings as they should be, %.3f s")
    :format(title, ports, right, seconds))
  return seconds
end

for i = 1, OPEN do crun.spawn(serve, FIRST + 24 * i).daemon = true end
local cores = crun.cpu_count()
local processes <close> = crun.ProcessPool(cores)

local alone = report("one by one:", scan, FIRST, LAST, 1)
local together = report("all cores:", scan_on_all_cores, processes, cores)
print("at least twice as fast: " .. tostring(together * 2 <= alone))
