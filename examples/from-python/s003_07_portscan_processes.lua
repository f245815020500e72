-- SPDX-License-Identifier: MIT
-- A range of ports cut over four processes, each of which scans its part with up to 500 tasks at
-- once and puts what it found into a queue.
-- Run: crun examples/from-python/s003_07_portscan_processes.lua

local crun = require "crun"

local function port_scan(address, port, found)
  local conn <close> = crun.net.connect(address, port, { timeout = 1 })
  if not conn then return end
  -- A free port from which connections are made may be connected to itself.
  local _, own = conn:sockname()
  if own ~= port then found[#found + 1] = port end
end

local function scan(address, first, last, results)
  local found, tasks = {}, {}
  local pool = crun.Pool(500)
  for port = first, last do
    tasks[#tasks + 1] = pool:spawn(port_scan, address, port, found)
  end
  crun.joinall(tasks)
  results:put(found)
end

-- The bounds of each part; no port is in two of them.
local function cut(first, last, parts)
  local size, edges = last - first + 1, {}
  for i = 1, parts do
    edges[i] = { first + size * (i - 1) // parts, first + size * i // parts - 1 }
  end
  return edges
end

local start = crun.now()
local address = ("127.77.%d.%d"):format(math.random(0, 255), math.random(1, 254))
local base, listeners = 24000, {}
for i, offset in ipairs { 3, 1024, 3999 } do
  listeners[i] = assert(crun.net.listen(address, base + offset))
end

local results, processes = crun.Queue(), {}
for i, edge in ipairs(cut(base, base + 3999, 4)) do
  processes[i] = crun.Process { target = scan, args = { address, edge[1], edge[2], results } }
  processes[i]:start()
end

local found = {}
for _ = 1, #processes do
  for _, port in ipairs(results:get()) do found[#found + 1] = port - base end
end
for _, process in ipairs(processes) do process:join() end
for _, listener in ipairs(listeners) do listener:close() end

table.sort(found)
print("[" .. table.concat(found, ", ") .. "]")
print("扫描过程,总计耗时: " .. (crun.now() - start < 10 and "short" or "long"))
