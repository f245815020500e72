-- SPDX-License-Identifier: MIT
-- Four jobs that compute, on two workers: how many times faster than one after the other on one
-- worker, by processes and by threads; and the milliseconds that the four take on two processes.

local crun = require "crun"

local JOBS, ROUNDS = { 32, 32, 32, 32 }, 5

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local function ms(pool)
  local start = crun.now()
  pool:map(fib, JOBS, { chunk = 1 })
  return (crun.now() - start) * 1e3
end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

-- One worker and two take turns, so that both meet the same machine.
local function measure(make)
  local one <close> = make(1)
  local two <close> = make(2)
  ms(one)
  ms(two)
  local alone, both, gain = {}, {}, {}
  for i = 1, ROUNDS do
    alone[i], both[i] = ms(one), ms(two)
    gain[i] = alone[i] / both[i]
  end
  return median(both), median(gain)
end

local wall, processes = measure(crun.ProcessPool)
local _, threads = measure(crun.ThreadPool)
print(("RESULT cpupar crun wall_ms=%.1f speedup=%.2f speedup_threads=%.2f")
  :format(wall, processes, threads))
