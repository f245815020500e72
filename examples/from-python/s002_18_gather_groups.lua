-- SPDX-License-Identifier: MIT
-- gather of three gathered groups: a gather in a task of its own begins at once, as in Python, and
-- is itself something to gather. The results are nested, in the order asked for. (Lists of lists
-- do the same: crun.gather { funcs("A", 2), funcs("B", 4), funcs("B", 6) }. The lists are written
-- as Python prints them, to compare with the original.)
-- Run: crun examples/from-python/s002_18_gather_groups.lua

local crun = require "crun"
local SCALE = tonumber(os.getenv("CRUN_EXAMPLE_SCALE")) or 0.1

local function func(name, i)
  crun.sleep((7 - i) * SCALE)
  return name .. i
end

local function funcs(name, n)
  local list = {}
  for i = 1, n do
    list[i] = function() return func(name, i) end
  end
  return list
end

local group1 = crun.spawn(crun.gather, funcs("A", 2))
local group2 = crun.spawn(crun.gather, funcs("B", 4))
local group3 = crun.spawn(crun.gather, funcs("B", 6))

for _, group in ipairs { crun.gather(group1, group2, group3) } do
  print("['" .. table.concat(group, "', '") .. "']")
end
