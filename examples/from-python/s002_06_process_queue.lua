-- SPDX-License-Identifier: MIT
-- A process that writes and one that reads, over a queue, both without end: they are terminated.
-- Run: crun examples/from-python/s002_06_process_queue.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function read(queue)
  io.stdout:setvbuf "line"
  while true do
    print(queue:get())
    crun.sleep(1 * SCALE)
  end
end

local function write(queue)
  local number = 0
  while true do
    number = number + 1
    queue:put(number)
    crun.sleep(1 * SCALE)
  end
end

local queue = crun.Queue()
local reader = crun.Process { target = read, args = { queue } }
local writer = crun.Process { target = write, args = { queue } }
writer:start()
reader:start()
crun.sleep(5.5 * SCALE)
reader:terminate()
writer:terminate()
reader:join()
writer:join()
print("强制结束 " .. reader.exitcode .. " " .. writer.exitcode)
