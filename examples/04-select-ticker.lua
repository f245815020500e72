-- SPDX-License-Identifier: MIT
-- One task that waits for several things at once: for work, for the ticks of a clock, and for the
-- word to stop. Whichever comes first is dealt with, and the others are left for later.
--
-- Run: crun examples/04-select-ticker.lua

local crun = require "crun"

--- A channel that receives a number every so many seconds until it is closed. Ticks that nobody
--- has fetched yet are not piled up: there is room for one.
local function ticker(seconds)
  local ticks, start = crun.Channel(1), crun.now()
  crun.spawn(function()
    local n = 0
    repeat
      n = n + 1
      crun.sleep(start + n * seconds - crun.now())
      local _, _, code = ticks:send_nowait(n)
    until code == "ECLOSED"
  end)
  return ticks
end

local work, stop = crun.Queue(), crun.Event()
local ticks = ticker(0.1)

crun.call_later(0.05, work.put, work, "sweep the floor")
crun.call_later(0.25, work.put, work, "wash up")
crun.call_later(0.26, work.put, work, "feed the cat")
crun.call_later(0.45, stop.set, stop)

-- Made once and used in every round: a select makes no table.
local cases = { { work, "get" }, { ticks, "recv" }, { stop } }

local done = 0
repeat
  local case, value = crun.select(cases)
  if case == 1 then
    print("work: " .. value)
    done = done + 1
  elseif case == 2 then
    print(("tick %d, %d done"):format(value, done))
  end
until case == 3
ticks:close()
print("stopped")

-- With a default, select does not wait at all; with a timeout it gives up.
print("more work?", crun.select { { work, "get" }, default = true })
print("more work?", crun.select { { work, "get" }, timeout = 0.01 })
