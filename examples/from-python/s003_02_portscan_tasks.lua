-- SPDX-License-Identifier: MIT
-- A port scan by tasks: Pool(500) over a range of ports of which three listen, on a loopback
-- address that nobody else uses.
-- Run: crun examples/from-python/s003_02_portscan_tasks.lua

local crun = require "crun"

local function port_scan(address, port, found)
  local conn <close> = crun.net.connect(address, port, { timeout = 1 })
  if not conn then return end
  -- A free port from which connections are made may be connected to itself.
  local _, own = conn:sockname()
  if own ~= port then found[#found + 1] = port end
end

local function scan(address, first, last)
  local found, tasks = {}, {}
  local pool = crun.Pool(500)
  for port = first, last do
    tasks[#tasks + 1] = pool:spawn(port_scan, address, port, found)
  end
  crun.joinall(tasks)
  table.sort(found)
  return found
end

local address = ("127.77.%d.%d"):format(math.random(0, 255), math.random(1, 254))
local base, listeners = 21000, {}
for i, offset in ipairs { 0, 777, 1999 } do
  listeners[i] = assert(crun.net.listen(address, base + offset))
end

local open = scan(address, base, base + 1999)
for i, port in ipairs(open) do open[i] = port - base end
print("[" .. table.concat(open, ", ") .. "]")
for _, listener in ipairs(listeners) do listener:close() end
