-- SPDX-License-Identifier: MIT
-- A queue that two processes share: what one puts the other gets, in order. Closing the queue ends
-- the consumer's loop.
-- Run: crun examples/from-python/s001_02_process_queue.lua

local crun = require "crun"

local function produce(queue)
  for i = 0, 4 do queue:put("item " .. i) end
  queue:close()
end

local queue = crun.Queue()
local process = crun.Process { target = produce, args = { queue } }
process:start()
for item in queue:iter() do print("got " .. item) end
process:join()
print("empty: " .. (queue:empty() and "True" or "False"))
