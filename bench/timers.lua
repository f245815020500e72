-- SPDX-License-Identifier: MIT
-- 100,000 tasks, each sleeping once for a random part of one second. overshoot_ms: how long after
-- the longest sleep the last task was over. cpu_s: processor seconds of it all. late_mean_ms: how
-- much longer than asked a sleep took on average; early: how many sleeps were too short.

local crun = require "crun"

local now, sleep = crun.now, crun.sleep
local n = 100000

local delays, longest, x = {}, 0, 42
for i = 1, n do
  x = (x * 69069 + 1) % 4294967296
  delays[i] = x / 4294967296
  longest = math.max(longest, delays[i])
end

local late, early, tasks = 0, 0, {}
local cpu, start = os.clock(), now()
for i = 1, n do
  tasks[i] = crun.spawn(function()
    local delay, began = delays[i], now()
    sleep(delay)
    local excess = now() - began - delay
    if excess < 0 then early = early + 1 end
    late = late + excess
  end)
end
crun.joinall(tasks)
local wall = now() - start
print(("RESULT timers crun overshoot_ms=%.1f cpu_s=%.3f late_mean_ms=%.2f early=%d")
  :format((wall - longest) * 1e3, os.clock() - cpu, late / n * 1e3, early))
