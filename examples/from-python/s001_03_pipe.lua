-- SPDX-License-Identifier: MIT
-- A two-way pipe between a parent and its child; once the child has closed its end, the parent's
-- recv tells so.
-- Run: crun examples/from-python/s001_03_pipe.lua

local crun = require "crun"

-- Both write to one place; each line is to be there when it is printed.
io.stdout:setvbuf "line"

local function child(conn)
  io.stdout:setvbuf "line"
  conn:send { from = "child", list = { 1, 2, 3 } }
  print("child received: " .. conn:recv())
  conn:close()
end

local parent_end, child_end = crun.Pipe()
local process = crun.Process { target = child, args = { child_end } }
process:start()
child_end:close()
local message = parent_end:recv()
print(("parent received: {'from': '%s', 'list': [%s]}")
  :format(message.from, table.concat(message.list, ", ")))
parent_end:send("hello child")
process:join()
local _, _, code = parent_end:recv()
if code == "ECLOSED" then print("parent: end of file") end
