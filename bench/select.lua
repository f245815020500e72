-- SPDX-License-Identifier: MIT
-- Nanoseconds per select over four channels: fed by four tasks without capacity, and with an item
-- ready in each of them.
-- usage: select.lua [scale]

local crun = require "crun"

local function cases_of(capacity)
  local channels, cases = {}, {}
  for i = 1, 4 do
    channels[i] = crun.Channel(capacity)
    cases[i] = { channels[i], "recv" }
  end
  return channels, cases
end

local function feed(channel, n)
  for i = 1, n do channel:send(i) end
end

local function waiting(n)
  local channels, cases = cases_of(0)
  for i = 1, 4 do crun.spawn(feed, channels[i], n // 4) end
  local wait_for = crun.select
  local start = crun.now()
  for _ = 1, n // 4 * 4 do wait_for(cases) end
  return (crun.now() - start) * 1e9 / n
end

local function ready(n)
  local channels, cases = cases_of(1)
  for i = 1, 4 do channels[i]:send(i) end
  local wait_for = crun.select
  local start = crun.now()
  for _ = 1, n do
    local i, value = wait_for(cases)
    channels[i]:send(value)
  end
  return (crun.now() - start) * 1e9 / n
end

local scale = tonumber(arg[1]) or 1
waiting(math.ceil(100000 * scale))
local w, r = waiting(math.ceil(4000000 * scale)), ready(math.ceil(4000000 * scale))
print(("RESULT select crun ns=%.1f ns_ready=%.1f"):format(w, r))
