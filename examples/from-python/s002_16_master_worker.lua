-- SPDX-License-Identifier: MIT
-- The master hands out tasks through a queue; a worker process that crashes takes neither the
-- master nor the others along. Closing the queue ends the workers' loops.
-- Run: crun examples/from-python/s002_16_master_worker.lua

local crun = require "crun"

local function worker(tasks, results)
  for task in tasks:iter() do
    if task == "crash" then os.exit(1) end
    results:put { task, task * task }
  end
end

local tasks, results = crun.Queue(), crun.Queue()
local workers = {}
for n = 1, 3 do
  workers[n] = crun.Process { target = worker, args = { tasks, results } }
  workers[n]:start()
end

tasks:put("crash")
for i = 0, 5 do tasks:put(i) end
local got = {}
for i = 1, 6 do got[i] = results:get() end
tasks:close()

local exit_codes = {}
for n, process in ipairs(workers) do
  process:join()
  exit_codes[n] = process.exitcode
end
table.sort(exit_codes)

table.sort(got, function(a, b) return a[1] < b[1] end)
for i, pair in ipairs(got) do got[i] = "(" .. table.concat(pair, ", ") .. ")" end
print("[" .. table.concat(got, ", ") .. "]")
print("exit codes: [" .. table.concat(exit_codes, ", ") .. "]")
