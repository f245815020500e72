-- SPDX-License-Identifier: MIT
-- Processes hold threads, threads hold tasks. Twelve tasks sleep at the same time, spread over two
-- processes with two threads each, and what they return comes back as one tree.
--
-- Run: crun examples/11-processes-threads-tasks.lua

local crun = require "crun"

local PROCESSES, THREADS, TASKS = { 1, 2 }, { 1, 2 }, { 1, 2, 3 }
local NAP = 0.1

-- Runs in a thread of a process: a task for each number.
local function in_thread(process, thread)
  return crun.Pool():map(function(task)
    crun.sleep(NAP)
    return ("task %d of thread %d of process %d"):format(task, thread, process)
  end, TASKS)
end

-- Runs in a process: a thread for each number.
local function in_process(process)
  local threads <close> = crun.ThreadPool(#THREADS)
  local function branch(thread) return { thread = thread, tasks = in_thread(process, thread) } end
  return { pid = crun.getpid(), threads = threads:map(branch, THREADS, { chunk = 1 }) }
end

local start = crun.now()
local processes <close> = crun.ProcessPool(#PROCESSES)
local tree = processes:map(in_process, PROCESSES, { chunk = 1 })
local elapsed = crun.now() - start

for number, process in ipairs(tree) do
  print("process " .. number .. (process.pid == crun.getpid() and ", this one" or ", another one"))
  for _, thread in ipairs(process.threads) do
    print("  thread " .. thread.thread)
    for _, task in ipairs(thread.tasks) do print("    " .. task) end
  end
end
local naps = #PROCESSES * #THREADS * #TASKS
print(("%d naps took less time than one after another: %s")
  :format(naps, tostring(elapsed < naps * NAP)))
