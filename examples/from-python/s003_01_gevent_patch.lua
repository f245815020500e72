-- SPDX-License-Identifier: MIT
-- Two tasks of twice two seconds take four seconds together. Nothing is patched:
-- crun's sleep lets the other task run.
-- Run: crun examples/from-python/s003_01_gevent_patch.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function f(num)
  for i = 0, 1 do
    print("f" .. num .. " -正在运行 >>>  " .. i)
    crun.sleep(2 * SCALE)
  end
end

local start = crun.now()
crun.joinall { crun.spawn(f, 1), crun.spawn(f, 2) }
print(("耗时: %.0f"):format((crun.now() - start) / SCALE))
