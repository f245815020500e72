-- SPDX-License-Identifier: MIT
-- Processes do not share variables: that of the parent stays 0.
-- Run: crun examples/from-python/s003_03_process_isolation.lua

local crun = require "crun"

local num = 0

local function test1()
  for _ = 1, 10 do num = num + 1 end
end

local function test2()
  num = num + 22
end

local p1 = crun.Process { target = test1 }
local p2 = crun.Process { target = test2 }
p1:start()
p2:start()
p1:join()
p2:join()
print(num)
