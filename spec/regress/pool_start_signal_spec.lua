-- SPDX-License-Identifier: MIT

--- A SIGTERM that reached a worker in its initializer was taken for the end of the program: the
--- pool was given up, and all its jobs cancelled.
local crun = require "crun"
local assert, describe, it = assert, describe, it
local _ENV = require "spec.support".globals -- luacheck: ignore 211

---A pool whose initializers tell their process and wait to be let go.
local function pool_of_one()
  local begun, go = crun.Queue(), crun.Queue()
  local pool = crun.ProcessPool(1, {
    initializer = function(pids, gate)
      pids:put(crun.getpid())
      gate:get()
    end,
    initargs = { begun, go },
  })
  return pool, begun, go
end

local function terminate(pid)
  crun.subprocess.run { "kill", "-TERM", tostring(pid) }
end

describe("a worker that gets a signal in its initializer", function()
  it("is replaced", function()
    local pool <close>, begun, go = pool_of_one()
    local job = pool:submit(math.abs, -1)
    terminate(begun:get())
    begun:get()
    go:put(true)
    assert.equal(1, job:get())
  end)

  it("counts as one that has died", function()
    local pool, begun = pool_of_one()
    local job = pool:submit(math.abs, -1)
    for _ = 1, 3 do terminate(begun:get()) end
    local ok, err = pcall(job.get, job)
    assert.is_false(ok)
    assert.matches("^the workers of the ProcessPool cannot start: EWORKERDIED: ", err)
    assert.matches("worker 3 .*SIGTERM", err)
    pool:join()
  end)
end)
