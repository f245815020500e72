-- SPDX-License-Identifier: MIT
-- A pool of five processes and three jobs: they run at once, each prints in its order. A pool that
-- has been closed takes no more.
-- Run: crun examples/from-python/s000_06_pool.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function work1()
  io.stdout:setvbuf "line"
  for i = 0, 4 do
    print(("进程ID:%d,work1:%d"):format(crun.getpid(), i))
    crun.sleep(0.1 * SCALE)
  end
  return crun.getpid()
end

local pool = crun.ProcessPool(5)
local jobs = {}
for i = 1, 3 do jobs[i] = pool:apply_async(work1) end
pool:close()
pool:join()

local pids, distinct = {}, 0
for _, job in ipairs(jobs) do
  local pid = job:get()
  if not pids[pid] then distinct = distinct + 1 end
  pids[pid] = true
end
print("distinct processes: " .. distinct)

local _, err = pcall(pool.apply_async, pool, work1)
print("after close: " .. err:gsub("^.*: ", ""))
