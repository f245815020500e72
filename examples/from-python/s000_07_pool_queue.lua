-- SPDX-License-Identifier: MIT
-- A manager's queue between two jobs of a pool of processes: what one has written the other reads,
-- in order, and it knows how much there is.
-- Run: crun examples/from-python/s000_07_pool_queue.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function reader(queue)
  for _ = 1, queue:qsize() do print("reader从Queue获取到消息:" .. queue:get()) end
end

local function writer(queue)
  for c in ("helloword"):gmatch "." do queue:put(c) end
end

local manager <close> = crun.Manager()
local queue = manager:Queue()
local pool = crun.ProcessPool()
pool:apply_async(writer, { queue })
crun.sleep(5 * SCALE)
pool:apply_async(reader, { queue })
pool:close()
pool:join()
print("(main) End")
