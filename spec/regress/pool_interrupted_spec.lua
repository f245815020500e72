-- SPDX-License-Identifier: MIT

--- Jobs that a signal has cancelled together with the program were reported as failures of Futures
--- that nobody had looked at; their workers were killed before they could clean up; and a worker
--- that did not end in time made its task fail.
local process = require "spec.support.process"

describe("an interrupted program", function()
  it("does not report the jobs of its pools", function()
    local result = process.run [[
      local crun = require "crun"
      local pool = crun.ProcessPool(1)
      pool:submit(crun.sleep, 60)
      pool:submit(crun.sleep, 60)
      crun.call_later(0.05, os.execute, "kill -TERM " .. crun.getpid())
      crun.sleep(60)
    ]]
    assert.is_false(result.ok)
    assert.is_nil(result.err:find("Future", 1, true), result.err)
  end)

  it("lets the jobs of its pools clean up", function()
    local result = process.run [[
      local crun = require "crun"
      local begun = crun.Queue()
      local function job(queue)
        local _ <close> = setmetatable({}, { __close = function() print "cleaned up" end })
        queue:put(true)
        crun.sleep(60)
      end
      local pool = crun.ProcessPool(1, { grace = 20 })
      pool:submit(job, begun)
      begun:get()
      crun.spawn(os.execute, "kill -TERM " .. crun.getpid())
      crun.sleep(60)
    ]]
    assert.is_false(result.ok)
    assert.equal("cleaned up\n", result.out)
  end)

  it("kills workers that go on all the same", function()
    local result = process.run [[
      local crun = require "crun"
      local begun = crun.Queue()
      local pool = crun.ProcessPool(1, { grace = 0.05 })
      pool:submit(function(queue)
        queue:put(crun.getpid())
        while true do pcall(function() while true do end end) end
      end, begun)
      print(begun:get())
      io.stdout:flush()
      crun.spawn(os.execute, "kill -TERM " .. crun.getpid())
      crun.sleep(60)
    ]]
    assert.is_false(result.ok)
    assert.is_nil(result.err:find("failed", 1, true), result.err)
    assert.is_nil(io.open("/proc/" .. result.out:match("%d+") .. "/stat"))
  end)
end)
