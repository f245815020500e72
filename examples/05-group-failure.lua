-- SPDX-License-Identifier: MIT
-- A group is a block that its tasks cannot outlive. When one of them fails, the others and the
-- block itself are cancelled, their clean-ups run, and only then does the group raise one error
-- that holds all errors. Printed, it is a tree.
--
-- Run: crun examples/05-group-failure.lua

local crun = require "crun"

local function fetch(name, seconds)
  local _ <close> = setmetatable({}, {
    __close = function(_, err)
      crun.shield(crun.sleep, 0.01) -- a clean-up that has to wait
      print(name .. ": closed" .. (err and ", " .. tostring(err.reason) or ""))
    end,
  })
  crun.sleep(seconds)
  return name
end

local function save()
  crun.sleep(0.03)
  error("disk full", 0)
end

local function fetch_and_save()
  local group <close> = crun.Group()
  group:spawn(fetch, "users", 0.01)
  group:spawn(fetch, "orders", 5)
  group:spawn(save).name = "writer"
end

local ok, err = pcall(crun.group, function(group)
  group:spawn(fetch_and_save).name = "shop"
  group:spawn(fetch, "weather", 5)
  crun.sleep(5)
  print("never printed")
end)

print(ok)
print(err)
print("what began it: " .. err.errors[1].errors[1])
