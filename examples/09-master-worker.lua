-- SPDX-License-Identifier: MIT
-- A master hands out jobs to worker processes, over a pipe, one at a time each. One worker is
-- killed in the middle of a job. The master sees its pipe end, puts the job back, and hires another
-- worker: in the end every job is done, and counted once.
--
-- Run: crun examples/09-master-worker.lua

local crun = require "crun"

local JOBS, WORKERS = 12, 3
local UNLUCKY = 5 -- the job during which a worker is killed

-- Runs in a process of its own, until the master closes the pipe.
local function worker(conn)
  for job, attempt in conn:iter() do
    conn:send("begun")
    crun.sleep(job == UNLUCKY and attempt == 1 and 60 or 0.01) -- the work
    conn:send(job * job)
  end
end

local function hire()
  local here, there = crun.Pipe()
  local process = crun.Process { target = worker, args = { there } }
  process:start()
  there:close() -- the worker has it now
  return process, here
end

local jobs = crun.Queue()
local results, attempts = {}, {}

-- The job's result, or nil when the worker has died of it.
local function ask(process, conn, job)
  attempts[job] = (attempts[job] or 0) + 1
  conn:send(job, attempts[job])
  assert(conn:recv() == "begun")
  if job == UNLUCKY and attempts[job] == 1 then process:kill() end
  return (conn:recv())
end

-- A task of the master for each place at which a worker sits.
local function desk()
  local process, conn = hire()
  for job in jobs:iter() do
    local result = ask(process, conn, job)
    if result then
      results[job] = result
    else
      process:join()
      print(("job %d: its worker died, exit code %d"):format(job, process.exitcode))
      jobs:put(job) -- for whoever is free
      process, conn = hire()
    end
    jobs:task_done()
  end
  conn:close()
  process:join()
end

for job = 1, JOBS do jobs:put(job) end
local desks = {}
for i = 1, WORKERS do desks[i] = crun.spawn(desk) end

jobs:join()
jobs:close()
crun.joinall(desks)

local tries = 0
for job = 1, JOBS do tries = tries + attempts[job] end
print(("%d of %d jobs done, in %d attempts"):format(#results, JOBS, tries))
print(("job %d: %d"):format(UNLUCKY, results[UNLUCKY]))
