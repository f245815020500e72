-- SPDX-License-Identifier: MIT

--- Operations that wait for somebody to say so: events, conditions, barriers, wait groups.
local assert = require "luassert"
local crun = require "crun"

local M = {}

local function at_once(line) assert.is_true(line.object:wait(0)) end

M["Event:wait"] = {
  open = function(line) line.object = crun.Event() end,
  wait = function(line, _, t) return line.object:wait(t) end,
  wake = function(line) line.object:set() end,
  wakes = "all",
  check = at_once,
}

M["WaitGroup:wait"] = {
  open = function(line)
    line.object = crun.WaitGroup()
    line.object:add()
  end,
  wait = function(line, _, t) return line.object:wait(t) end,
  wake = function(line)
    if line.object:count() > 0 then line.object:done() end
  end,
  wakes = "all",
  check = at_once,
}

for _, name in ipairs { "Lock", "RLock" } do
  local function free(line)
    assert.is_true(line.object:acquire(0))
    line.object:release()
  end
  M["Condition:wait of " .. name] = {
    open = function(line) line.object = crun.Condition(crun[name]()) end,
    wait = function(line, _, t)
      local _ <close> = line.object:hold()
      return line.object:wait(t)
    end,
    wake = function(line) line.object:with(line.object.notify, line.object) end,
    check = free,
  }
  M["Condition:wait of " .. name .. ", which the notifier keeps"] = {
    open = function(line) line.object = crun.Condition(crun[name]()) end,
    wait = function(line, _, t)
      local _ <close> = line.object:hold()
      return line.object:wait(t)
    end,
    around = function(line, steps)
      line.kept = true
      line.object:with(steps)
      line.kept = false
    end,
    wake = function(line)
      if line.kept then return line.object:notify() end
      line.object:with(line.object.notify, line.object)
    end,
    late = true,
    check = free,
  }
  M["Condition:wait_for of " .. name] = {
    open = function(line)
      line.object = crun.Condition(crun[name]())
      line.ready = false
    end,
    wait = function(line, _, t)
      local _ <close> = line.object:hold()
      return line.object:wait_for(function() return line.ready end, t)
    end,
    wake = function(line)
      local _ <close> = line.object:hold()
      line.ready = true
      line.object:notify_all()
    end,
    wakes = "all",
    -- All are notified, but the lock goes from one to the next.
    late = function(place) return place > 1 end,
    check = free,
  }
end

local PARTIES = 4

M["Barrier:wait"] = {
  open = function(line) line.object = crun.Barrier(PARTIES) end,
  wait = function(line, _, t) return line.object:wait(t) end,
  wake = function(line)
    for _ = line.object:n_waiting() + 2, PARTIES do
      crun.spawn(line.object.wait, line.object)
    end
    if line.object:n_waiting() < PARTIES - 1 then crun.sleep(1e-6) end
    line.object:wait()
  end,
  wakes = "all",
  close = function(line) line.object:abort() end,
  expect = {
    ["closed before"] = "EBROKEN",
    ["closed during"] = "EBROKEN",
    ["closed during, timed"] = "EBROKEN",
    ["closed, then cancelled in one turn"] = "EBROKEN",
  },
  breaks = true,
  mend = function(line)
    if line.object:broken() then line.object:reset() end
  end,
  check = function(line) assert.equal(0, line.object:n_waiting()) end,
}

return M
