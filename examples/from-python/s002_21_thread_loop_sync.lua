-- SPDX-License-Identifier: MIT
-- Functions that block a thread, sent to it from here: they run there one after the other, and the
-- sender goes on at once. 6 s, then 3 s: 9 s.
-- Run: crun examples/from-python/s002_21_thread_loop_sync.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function more_work(x)
  print("More work " .. x)
  -- Blocks the thread; while crun.sleep waits, the next function would begin.
  os.execute("sleep " .. x * SCALE)
  print("Finished more work " .. x)
end

local start = crun.now()
local thread = crun.Thread {}
thread:start()
print(crun.now() - start < 1 * SCALE and "TIME: at once" or "TIME: late")
thread:call_soon(more_work, 6)
thread:call_soon(more_work, 3)
thread:close()
thread:join()
print(("total: %.0f"):format((crun.now() - start) / SCALE))
