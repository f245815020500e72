-- SPDX-License-Identifier: MIT
-- Nine tasks, Semaphore(3), two seconds inside: three groups of three, 6 s. What is done between
-- two waits needs no lock: no other task runs meanwhile.
-- Run: crun examples/from-python/s002_11_semaphore.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local sem = crun.Semaphore(3)
local inside, peak = 0, 0

local function fun(num)
  local _ <close> = sem:hold()
  inside = inside + 1
  peak = math.max(peak, inside)
  print("-------- " .. num)
  crun.sleep(2 * SCALE)
  inside = inside - 1
end

local tasks = {}
for i = 0, 8 do tasks[#tasks + 1] = crun.spawn(fun, i) end
crun.joinall(tasks)
print("******* most inside at once: " .. peak)
