-- SPDX-License-Identifier: MIT
-- What `async with` and `async for` do: entering, leaving and each step of a loop may wait. Leaving
-- is __close, on an error too; whether the error goes on is decided by a pcall around the scope.
-- A loop that comes to its natural end goes on behind it, as does Python's `else`.
-- Run: crun examples/from-python/s002_23_async_with_for.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local Manager = {}

function Manager.__close(_, err)
  crun.sleep(1 * SCALE)
  print("exit " .. (err or "None"))
end

local function enter()
  print("enter")
  crun.sleep(1 * SCALE)
  return setmetatable({}, Manager)
end

local function count(n)
  return function(_, i)
    crun.sleep(1 * SCALE)
    if i < n then return i + 1 end
  end, nil, 0
end

do
  local _ <close> = enter()
  print("body")
end

pcall(function()
  local _ <close> = enter()
  error("ValueError", 0)
end)

local ok = pcall(function()
  local _ <close> = enter()
  error("KeyError", 0)
end)
if not ok then print("raised again") end

for i in count(3) do print(i) end
print("else")
