-- SPDX-License-Identifier: MIT
-- Processor milliseconds of the longest pause that the collector makes while tasks come and go
-- beside others that stay parked, and processor microseconds per task that came and went.
-- usage: pause.lua [parked tasks [tasks that come and go]]

local crun = require "crun"

local parked, n = tonumber(arg[1]) or 100000, tonumber(arg[2]) or 1000000
local clock = os.clock

for _ = 1, parked do
  crun.spawn(function() crun.sleep(1e6) end).daemon = true
end
crun.yield()

local function work(i) return { i, tostring(i) } end

local kept, longest, start = {}, 0, clock()
local last = start
for i = 1, n do
  kept[i % 1000] = crun.spawn(work, i):get()
  local now = clock()
  longest, last = math.max(longest, now - last), now
end
assert(kept[n % 1000][1] == n)
print(("RESULT pause crun ms=%.2f cpu_us=%.3f"):format(longest * 1e3, (last - start) / n * 1e6))
