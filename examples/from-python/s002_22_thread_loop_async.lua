-- SPDX-License-Identifier: MIT
-- Functions sent to another thread sleep there at the same time, as tasks; the shorter one reports
-- first, and both together take 6 s.
-- Run: crun examples/from-python/s002_22_thread_loop_async.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function do_sleep(x, queue, message)
  crun.sleep(x * SCALE)
  queue:put(message)
end

local queue, thread = crun.Queue(), crun.Thread {}
thread:start()
local start = crun.now()
thread:submit(do_sleep, 6, queue, "第一个")
thread:submit(do_sleep, 3, queue, "第二个")
for _ = 1, 2 do
  local message = queue:get()
  print(("%s 协程运行完.. second %.0f"):format(message, (crun.now() - start) / SCALE))
end
thread:cancel()
thread:join()
