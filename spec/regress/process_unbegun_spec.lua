-- SPDX-License-Identifier: MIT

--- A process whose task was cancelled in the turn in which it was started ran on, and nobody waited
--- for it. Later its end was reported, if it came before the process could heed the signal.
local crun = require "crun"
local program = require "crun.program"
local assert, describe, it = assert, describe, it
local _ENV = require "spec.support".globals -- luacheck: ignore 211

--- A failure that nobody has looked at is reported when it is collected.
local function reports_nothing()
  local told
  crun.on_error = function(_, err) told = err end
  collectgarbage()
  collectgarbage()
  crun.yield()
  crun.on_error = nil
  assert.is_nil(told)
end

local function cancel()
  for _, task in ipairs(crun.tasks()) do
    if task.name == "unbegun" then task:cancel "at once" end
  end
end

--- Starts a process, with what cancels its task called before or after that.
local function start(before, after)
  local worker = crun.Process { target = crun.sleep, args = { 1000 }, name = "unbegun" }
  program.find() -- not in start, where that waits the first time
  before(cancel)
  worker:start()
  after(cancel)
  assert.is_false(pcall(worker.get, worker))
  assert.is_false(worker:is_alive())
end

describe("a Process that is cancelled before its task has begun", function()
  it("is ended", function()
    start(crun.spawn, function() end)
    reports_nothing()
  end)

  it("is ended also by who has started it", function()
    start(function() end, function(fn) fn() end)
    reports_nothing()
  end)
end)
