-- SPDX-License-Identifier: MIT
-- Each task has its own value; the main task keeps none. (Threads that share state become tasks.)
-- Run: crun examples/from-python/s002_10_local.lua

local crun = require "crun"

local data = crun.Local()

local function work(num)
  data.num = num
  for _ = 1, 1000 do
    data.num = data.num + 1
  end
  print("----- " .. data.num)
end

for _, start in ipairs { 0, 0 } do
  crun.spawn(work, start):join()
end
print("----- main has one: " .. (data.num ~= nil and "True" or "False"))
