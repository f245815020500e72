-- SPDX-License-Identifier: MIT
-- A process puts, another one gets: every item, in order. The reader would wait for ever and is
-- terminated.
-- Run: crun examples/from-python/s003_06_process_queue.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function write(queue)
  io.stdout:setvbuf "line"
  print("Process to write: " .. crun.getpid())
  for _, value in ipairs { "A", "B", "C" } do
    print("Put " .. value .. " to queue...")
    queue:put(value)
    crun.sleep(0.5 * SCALE)
  end
end

local function read(queue)
  io.stdout:setvbuf "line"
  print("Process to read: " .. crun.getpid())
  while true do print("Get " .. queue:get() .. " from queue.") end
end

local queue = crun.Queue()
local writer = crun.Process { target = write, args = { queue } }
local reader = crun.Process { target = read, args = { queue } }
writer:start()
reader:start()
writer:join()
reader:terminate()
reader:join()
print("reader alive: " .. (reader:is_alive() and "True" or "False"))
