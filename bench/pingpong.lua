-- SPDX-License-Identifier: MIT
-- Nanoseconds per round trip of a number between two tasks, over two queues of one slot each.
-- usage: pingpong.lua [scale]

local crun = require "crun"

local function run(n)
  local there, back = crun.Queue(1), crun.Queue(1)
  local echo = crun.spawn(function()
    for _ = 1, n do back:put(there:get()) end
  end)
  local start = crun.now()
  for i = 1, n do
    there:put(i)
    back:get()
  end
  local elapsed = crun.now() - start
  echo:join()
  return elapsed * 1e9 / n
end

run(10000)
local ns = run(math.ceil(2000000 * (tonumber(arg[1]) or 1)))
print(("RESULT pingpong crun ns=%.1f"):format(ns))
