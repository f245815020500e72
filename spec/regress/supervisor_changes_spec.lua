-- SPDX-License-Identifier: MIT

--- Workers that were added or removed at the wrong moment were started twice, left a Supervisor
--- without end, or made it fail.
local crun = require "crun"

local function quiet(options)
  options.on, options.on_event = "tasks", function() end
  return crun.Supervisor(options)
end

local function nothing() end

describe("a Supervisor whose workers change", function()
  it("starts one once that is added in the turn of start", function()
    local starts = 0
    local supervisor = quiet { restart = "never", { name = "first", target = nothing } }
    supervisor:start()
    supervisor:add(function() starts = starts + 1 end)
    assert.is_true(supervisor:join(5))
    assert.equal(1, starts)
  end)

  it("does not start one that is removed in the turn of start", function()
    local started = {}
    local function note(name) started[#started + 1] = name end
    local supervisor = quiet {
      restart = "never",
      { name = "first", target = note, args = { "first" } },
      { name = "second", target = note, args = { "second" } },
    }
    supervisor:start()
    assert.is_true(supervisor:remove "first")
    assert.is_true(supervisor:join(5))
    assert.same({ "second" }, started)
  end)

  it("ends when nobody was left before it began", function()
    local supervisor = quiet { { name = "first", target = nothing } }
    supervisor:remove "first"
    supervisor:start()
    assert.is_true(supervisor:join(5))
  end)

  it("adds no part of an entry with a name that there is", function()
    local supervisor = quiet { { name = "a-2", target = nothing } }
    assert.error_matches(function() supervisor:add { name = "a", count = 2, target = nothing } end,
      "bad argument #1 to 'add' %(two workers named 'a%-2'%)")
    assert.equal(1, #supervisor:workers())
  end)

  it("can be stopped while one is being removed", function()
    local begun, ended = crun.Queue(), 0
    local supervisor = quiet {
      together = true, restart = "never",
      { name = "w", count = 3, target = function()
        local _ <close> = setmetatable({}, { __close = function()
          crun.shield(crun.yield)
          ended = ended + 1
        end })
        begun:put(true)
        crun.sleep(60)
      end },
    }
    supervisor:start()
    for _ = 1, 3 do begun:get() end
    local removal = crun.spawn(supervisor.remove, supervisor, "w-1")
    crun.yield()
    assert.is_true(supervisor:stop(5))
    supervisor:get()
    removal:join()
    assert.equal(3, ended)
  end)

  it("ends one whose start is under way when it is stopped", function()
    local starting, go = crun.Event(), crun.Event()
    local over = crun.Event()
    local slow = {
      start = function()
        starting:set()
        go:wait()
      end,
      join = function() over:wait() end,
      terminate = function() over:set() end,
    }
    local supervisor = quiet { { name = "first", target = crun.sleep, args = { 60 } } }
    supervisor:start()
    local adding = crun.spawn(supervisor.add, supervisor, { make = function() return slow end })
    starting:wait()
    supervisor:terminate()
    crun.yield()
    go:set()
    assert.is_true(supervisor:join(5))
    assert.is_true(over:is_set())
    adding:join()
  end)

  it("adds the whole of an entry, also where that is cancelled", function()
    local go, starts = crun.Event(), 0
    local supervisor = quiet { restart = "never", { target = go.wait, args = { go } } }
    supervisor:start()
    local adding = crun.spawn(supervisor.add, supervisor, { count = 2, make = function()
      return {
        start = function()
          starts = starts + 1
          go:wait()
        end,
        join = function() end,
        cancel = function() end,
      }
    end })
    crun.yield()
    adding:cancel()
    crun.yield()
    go:set()
    assert.is_true(supervisor:join(5))
    assert.equal(2, starts)
    adding:join()
  end)

  it("does not wait between restarts without back-off, however many there are", function()
    local last, starts, enough = nil, 0, crun.Event()
    local supervisor = crun.Supervisor {
      on = "tasks", backoff = 0, max_restarts = false,
      on_event = function(event) last = event.restart_in or last end,
      function()
        starts = starts + 1
        if starts == 1100 then
          enough:set()
          crun.sleep(60)
        end
      end,
    }
    supervisor:start()
    assert.is_true(enough:wait(20))
    assert.equal(0, last)
    supervisor:stop()
  end)
end)
