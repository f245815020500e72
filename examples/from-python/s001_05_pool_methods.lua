-- SPDX-License-Identifier: MIT
-- The methods of a pool of processes: apply (one by one, waits), apply_async (at once), map (in
-- order), callback, error, terminate (at once, jobs are lost).
-- Run: crun examples/from-python/s001_05_pool_methods.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function square(n)
  crun.sleep(2 * SCALE)
  return n * n
end

local function fail(n) error("job " .. n, 0) end

local function list(values) return "[" .. table.concat(values, ", ") .. "]" end
local function truth(value) return value and "True" or "False" end

local pool = crun.ProcessPool(4)
pool:map(math.abs, { 0, 1, 2, 3 }) -- workers up

local start, results = crun.now(), {}
for n = 0, 2 do results[n + 1] = pool:apply(square, { n }) end
print("apply: " .. list(results) .. " serial: " .. truth(crun.now() - start >= 6 * SCALE))

start = crun.now()
local jobs = {}
for n = 0, 3 do jobs[n + 1] = pool:apply_async(square, { n }) end
for i, job in ipairs(jobs) do results[i] = job:get() end
print("apply_async: " .. list(results) .. " parallel: " .. truth(crun.now() - start < 6 * SCALE))

print("map keeps the order: " .. list(pool:map(square, { 0, 1, 2, 3, 4, 5 })))

local seen = {}
pool:apply_async(square, { 9 }, function(result) seen[#seen + 1] = result end):join()
crun.sleep(0.5 * SCALE)
print("callback: " .. list(seen))

print("the job's error comes out of apply: " .. select(2, pcall(pool.apply, pool, fail, { 7 })))
local job = pool:apply_async(fail, { 8 })
job:join()
print("ready, successful: " .. truth(job:done()) .. " " .. truth(job:status() == "returned"))
if not pcall(pool.join, pool) then print("join needs close or terminate first") end

pool:apply_async(crun.sleep, { 60 })
start = crun.now()
pool:terminate()
pool:join()
print("terminate did not wait: " .. truth(crun.now() - start < 5))
