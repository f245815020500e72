-- SPDX-License-Identifier: MIT
-- Nanoseconds to acquire and release a Lock. ns: nobody else wants it at that moment. ns_held: 100
-- tasks want it, and each holds it across a yield, so that every acquire waits for its turn.
-- usage: lock.lua [scale]

local crun = require "crun"

local yield, now = crun.yield, crun.now
local TASKS = 100
local counter = 0

local function run(n, hold)
  local lock, tasks = crun.Lock(), {}
  local function worker()
    for _ = 1, n // TASKS do
      lock:acquire()
      counter = counter + 1
      if hold then yield() end
      lock:release()
    end
  end
  local start = now()
  for i = 1, TASKS do tasks[i] = crun.spawn(worker) end
  crun.joinall(tasks)
  return (now() - start) * 1e9 / n
end

local scale = tonumber(arg[1]) or 1
run(10000, true)
local free, held = run(math.ceil(5000000 * scale), false), run(math.ceil(2000000 * scale), true)
print(("RESULT lock crun ns=%.1f ns_held=%.1f"):format(free, held))
