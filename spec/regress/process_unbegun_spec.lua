-- SPDX-License-Identifier: MIT

--- A process whose task was cancelled in the turn in which it was started ran on, and nobody waited
--- for it.
local crun = require "crun"
local program = require "crun.program"
local assert, describe, it = assert, describe, it
local _ENV = require "spec.support".globals -- luacheck: ignore 211

describe("a Process that is cancelled before its task has begun", function()
  it("is ended", function()
    local worker = crun.Process { target = crun.sleep, args = { 1000 }, name = "unbegun" }
    program.find() -- not in start, where that waits the first time
    crun.spawn(function()
      for _, task in ipairs(crun.tasks()) do
        if task.name == "unbegun" then task:cancel "at once" end
      end
    end)
    worker:start()
    assert.is_false(pcall(worker.get, worker))
    assert.is_false(worker:is_alive())
  end)

  it("is ended also by who has started it", function()
    local worker = crun.Process { target = crun.sleep, args = { 1000 }, name = "unbegun" }
    worker:start()
    for _, task in ipairs(crun.tasks()) do
      if task.name == "unbegun" then task:cancel "at once" end
    end
    assert.is_false(pcall(worker.get, worker))
    assert.is_false(worker:is_alive())
  end)
end)
