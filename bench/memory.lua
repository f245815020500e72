-- SPDX-License-Identifier: MIT
-- Resident bytes per task that is parked in a sleep, microseconds to start and park one, and
-- processor microseconds for its whole life. Every task wakes up by its own timer and returns, and
-- the program ends in the normal way.
-- usage: memory.lua [tasks]

local crun = require "crun"

local n = tonumber(arg[1]) or 100000
-- Long enough to park all of them before the first wakes, on a busy machine too.
local hold = 2 + n * 8e-6

local function resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  return pages * 4096
end

local parked, ended = 0, 0
local over = crun.Queue(1)
local function task()
  parked = parked + 1
  crun.sleep(hold)
  ended = ended + 1
  if ended == n then over:put(true) end
end

local before, start, cpu = resident(), crun.now(), os.clock()
for _ = 1, n do crun.spawn(task) end
while parked < n do crun.yield() end
local bytes, park = (resident() - before) / n, (crun.now() - start) / n
assert(ended == 0, "a task woke up before the last one was parked: nothing was measured")
over:get()
print(("RESULT memory crun bytes_%d=%.0f park_us_%d=%.3f cpu_us_%d=%.3f")
  :format(n, bytes, n, park * 1e6, n, (os.clock() - cpu) / n * 1e6))
