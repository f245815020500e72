-- SPDX-License-Identifier: MIT
-- Timeouts nest. Each one limits all that happens inside it, tasks of groups included, and reports
-- at its own place; the one that expires first wins. An outer one that expires passes through the
-- inner ones, and through every pcall, to the place where it was set.
--
-- Run: crun examples/06-nested-timeouts.lua

local crun = require "crun"

local function ask(name, seconds)
  crun.sleep(seconds)
  return name .. " answered"
end

local function report(what, answer, _, code)
  print(what .. ": " .. (answer or code))
end

-- The inner one is the shorter: it expires alone, and the outer one's time goes on.
report("outer", crun.with_timeout(0.5, function()
  report("first", crun.with_timeout(0.01, ask, "first", 5))
  report("second", crun.with_timeout(0.2, ask, "second", 0.01))
  return "fine"
end))

-- The outer one is the shorter: the inner one has nothing to report.
report("outer", crun.with_timeout(0.02, function()
  report("inner", crun.with_timeout(5, ask, "inner", 10))
  print("never printed")
end))

-- A pcall on the way sees it pass, and cannot keep it.
report("outer", crun.with_timeout(0.02, function()
  for _ = 1, 2 do
    local _, err = pcall(ask, "nobody", 5)
    print("caught: " .. err.reason)
  end
  crun.sleep(0)
  print("never printed")
end))

-- A group's tasks are cancelled with it, and what they clean up is waited for.
report("group", crun.with_timeout(0.2, crun.group, function(group)
  for i = 1, 2 do
    group:spawn(function()
      local _, err = pcall(ask, "child", 5)
      crun.shield(crun.sleep, 0.01 * i)
      print("child " .. i .. " cleaned up after: " .. err.reason)
    end)
  end
  report("group's own", crun.with_timeout(0.01, ask, "own", 5))
end))
