-- SPDX-License-Identifier: MIT

-- Idle coroutines are trimmed once a cycle of the collector, by a finalizer. Called while a thread
-- had no stack left it could not run and never came again: a burst of tasks kept its memory.
local crun = require "crun"
local support = require "spec.support"
local testing = require "crun.testing"

-- busted looks a spec's globals up through a function, which would be refused before the rest.
local collectgarbage, gsub = collectgarbage, string.gsub

local TASKS_PER_BURST = support.scaled(4000, 500)

local function kilobytes()
  for _ = 1, 16 do collectgarbage() end
  return collectgarbage("count")
end

local function burst()
  local tasks = {}
  for i = 1, TASKS_PER_BURST do tasks[i] = crun.spawn(crun.sleep, 1) end
  crun.joinall(tasks)
end

--- Collects at every level of C calls down to where Lua allows no more, not even of a finalizer.
local function collect_without_stack()
  collectgarbage()
  gsub("x", "x", collect_without_stack)
end

describe("the memory of a burst of tasks", function()
  it("is given back, also after stack overflows", function()
    testing.virtual_clock()
    burst()
    local before = kilobytes()
    crun.spawn(collect_without_stack):join()
    for _ = 1, 3 do burst() end
    -- a task costs more than a kilobyte; a tenth of them may stay for the next burst
    assert.is_true(kilobytes() < before + TASKS_PER_BURST / 10 + 200)
  end)
end)
