-- SPDX-License-Identifier: MIT

-- The policy, with workers that are none, on the virtual clock.

local crun = require "crun"
local support = require "spec.support"
local Supervisor = require("crun.supervisor").Supervisor
local both = support.both

--- Workers that live as long as told, with a log of what happened to them and when.
local function stage()
  local start, log = crun.now(), {}
  local self = { log = log, born = 0 }

  function self.note(text)
    log[#log + 1] = ("%.3g %s"):format(crun.now() - start, text)
  end

  --- Makes a worker. options: `lives` seconds, then ends with `code`; `deaf`: the seconds that it
  --- takes to end when it is told to, false for never.
  function self.worker(name, options)
    local ended, death = crun.Event(), nil
    local worker = { name = name }
    local function finish(with)
      if ended:is_set() then return end
      if death then death:cancel() end
      worker.exitcode = with
      self.note(name .. " ended " .. with)
      ended:set()
    end
    function worker.start()
      self.born = self.born + 1
      self.note(name .. " started")
      if not options.lives then return end
      death = crun.call_later(options.lives, finish, options.code or 0)
    end
    function worker.join(_, timeout) return ended:wait(timeout) end
    function worker.terminate()
      self.note(name .. " told")
      if options.deaf then crun.call_later(options.deaf, finish, 0) end
      if options.deaf == nil then finish(0) end
    end
    function worker.kill() finish(-9) end
    return worker
  end

  function self.make(options)
    return function(name) return self.worker(name, options) end
  end

  function self.text() return table.concat(log, "\n") end

  function self.clear()
    for i = #log, 1, -1 do log[i] = nil end
  end

  return self
end

local function lines(...) return table.concat({ ... }, "\n") end

local function silent() end

--- Starts a supervisor of one such worker; returns it and the stage.
local function supervise(worker, options)
  local play = stage()
  local all = { { name = "w", make = play.make(worker) } }
  for key, value in pairs(options or {}) do all[key] = value end
  all.on_event = all.on_event or silent
  return play, Supervisor(all):start()
end

describe("Supervisor restarts", function()
  both("a worker that ends, whatever its exit code, by default", function()
    for _, code in ipairs { 0, 1, -9 } do
      local play, _ <close> = supervise({ lives = 20, code = code })
      crun.sleep(30)
      assert.equal(lines("0 w started", "20 w ended " .. code, "20.1 w started"), play.text())
    end
  end)

  both("on-failure: one that failed, and lets one that succeeded be", function()
    local play, _ <close> = supervise({ lives = 1, code = 1 }, { restart = "on-failure" })
    crun.sleep(1.5)
    assert.equal(2, play.born)
    local other, done = supervise({ lives = 1 }, { restart = "on-failure" })
    done:get()
    assert.equal(lines("0 w started", "1 w ended 0"), other.text())
  end)

  both("never: no worker, and ends with the last", function()
    local play, sup = supervise({ lives = 1, code = 1 }, { restart = "never" })
    assert.is_true(sup:is_alive())
    assert.is_true(sup:join())
    sup:get()
    assert.is_false(sup:is_alive())
    assert.equal(lines("0 w started", "1 w ended 1"), play.text())
  end)

  both("a worker that cannot be started", function()
    local attempts = 0
    local sup <close> = Supervisor {
      on_event = silent,
      { make = function()
        attempts = attempts + 1
        if attempts == 1 then error("no memory", 0) end
        if attempts == 2 then return { start = function() return nil, "EAGAIN: again" end } end
        return stage().worker("w", {})
      end },
    }:start()
    crun.sleep(1)
    assert.equal(3, attempts)
    assert.equal("running", sup:workers()[1].state)
    assert.equal(2, sup:workers()[1].restarts)
  end)
end)

describe("Supervisor's back-off", function()
  local forever = { max_restarts = false, backoff = 1, backoff_max = 5, healthy = 10 }

  both("doubles up to its maximum", function()
    local play, _ <close> = supervise({ lives = 0.5, code = 1 }, forever)
    crun.sleep(21)
    assert.equal(lines(
      "0 w started", "0.5 w ended 1", "1.5 w started", "2 w ended 1", "4 w started",
      "4.5 w ended 1", "8.5 w started", "9 w ended 1", "14 w started", "14.5 w ended 1",
      "19.5 w started",
      "20 w ended 1"), play.text())
  end)

  both("begins anew after a time of health", function()
    local lives = { 1, 1, 10, 1 }
    local play = stage()
    local _ <close> = Supervisor {
      on_event = silent,
      { name = "w", make = function(name)
        return play.worker(name, { lives = table.remove(lives, 1), code = 1 })
      end },
      max_restarts = false, backoff = 1, healthy = 10,
    }:start()
    crun.sleep(60)
    assert.equal(lines(
      "0 w started", "1 w ended 1", "2 w started", "3 w ended 1", "5 w started",
      "15 w ended 1", "16 w started", "17 w ended 1", "19 w started"), play.text())
  end)

  both("is over at once when the supervisor is stopped", function()
    local play, sup = supervise({ lives = 1, code = 1 }, { backoff = 1000, backoff_max = 1000 })
    crun.sleep(2)
    local start = crun.now()
    assert.equal("waiting", sup:workers()[1].state)
    assert.is_true(sup:stop())
    support.took(start, 0)
    assert.equal(1, play.born)
  end)
end)

describe("Supervisor's limit", function()
  both("of restarts within the period ends it with an error that says why", function()
    local play = stage()
    local sup = Supervisor {
      name = "shop", max_restarts = 3, period = 100, backoff = 1, on_event = silent,
      { name = "till", make = play.make { lives = 1, code = 7 } },
      { name = "cellar", make = play.make {} },
    }
    local err = support.raised(sup.run, sup)
    assert.equal(crun.Error, getmetatable(err))
    assert.equal(
      "shop gave up: till was restarted 3 times within 100 s, and then exited with status 7",
      tostring(err))
    assert.equal(4, play.born - 1)
    assert.equal("11 cellar ended 0", play.log[#play.log])
    assert.is_false(sup:is_alive())
  end)

  both("does not count what is longer ago", function()
    local play, sup <close> = supervise({ lives = 10, code = 1 },
      { max_restarts = 2, period = 15, backoff = 0 })
    crun.sleep(205)
    assert.is_true(sup:is_alive())
    assert.equal(20, play.born - 1)
  end)

  both("counts each worker by itself", function()
    local play = stage()
    local sup <close> = Supervisor {
      max_restarts = 1, period = 5, backoff = 0, on_event = silent,
      { name = "w", count = 5, make = play.make { lives = 10, code = 1 } },
    }:start()
    crun.sleep(11)
    assert.equal(10, play.born)
    assert.is_true(sup:is_alive())
  end)

  both("of 0 allows none", function()
    local _, sup = supervise({ lives = 1 }, { max_restarts = 0 })
    assert.matches("restarted 0 times", tostring(support.raised(sup.get, sup)))
  end)

  both("that nobody looks at is reported, as any task's failure", function()
    local failures = support.collect_failures()
    supervise({ lives = 1, code = 1 }, { max_restarts = 0 })
    crun.sleep(2)
    assert.equal(1, #failures)
    assert.matches("gave up", tostring(failures[1].err))
  end)

  both("carries the error of the worker", function()
    local sup = Supervisor { on = "tasks", max_restarts = 0, support.failing(1, { code = 4 }) }
    assert.same({ code = 4 }, support.raised(sup.run, sup).errors[1])
  end)
end)

describe("Supervisor's end", function()
  local function three(options)
    local play = stage()
    local all = {
      { name = "a", make = play.make(options.a or {}) },
      { name = "b", count = 2, make = play.make(options.b or { deaf = 2 }) },
      { name = "c", make = play.make(options.c or { deaf = 1 }) },
    }
    for key, value in pairs(options.all or {}) do all[key] = value end
    all.on_event = silent
    return Supervisor(all):start(), play
  end

  both("ends the last first, and those of one specification together", function()
    local sup, play = three {}
    crun.sleep(5)
    play.clear()
    assert.is_true(sup:stop())
    assert.equal(lines(
      "5 c told", "6 c ended 0", "6 b-1 told", "6 b-2 told", "8 b-1 ended 0", "8 b-2 ended 0",
      "8 a told", "8 a ended 0"), play.text())
  end)

  both("kills what does not end in time", function()
    local sup, play = three { c = { deaf = false }, all = { shutdown = 3 } }
    crun.sleep(1)
    play.clear()
    sup:stop()
    local first = lines(table.unpack(play.log, 1, 3))
    assert.equal(lines("1 c told", "4 c ended -9", "4 b-1 told"), first)
  end)

  both("comes by <close>, and by a cancel", function()
    local sup, play
    do
      local scoped <close> = three {}
      sup = scoped
      crun.sleep(1)
    end
    assert.is_false(sup:is_alive())
    sup, play = three {}
    crun.sleep(1)
    local task = crun.spawn(sup.get, sup)
    crun.sleep(1)
    sup.task:cancel("all is over")
    assert.is_true(task:join())
    assert.equal("5 a ended 0", play.log[#play.log])
  end)

  both("stop and join take a timeout, and the end goes on", function()
    local sup = three { c = { deaf = 100 }, all = { shutdown = math.huge } }
    crun.sleep(1)
    assert.equal("ETIMEDOUT", select(3, sup:stop(10)))
    assert.equal("ETIMEDOUT", select(3, sup:join(0)))
    local start = crun.now()
    assert.is_true(sup:join())
    support.took(start, 92)
  end)

  both("starts nothing any more", function()
    local sup, play = three { c = { lives = 1 }, all = { backoff = 0.5 } }
    crun.sleep(1.2)
    play.clear()
    sup:terminate()
    crun.sleep(20)
    assert.is_nil(play.text():find("started", 1, true))
    assert.matches("has ended", support.raised(sup.add, sup, print))
  end)
end)

describe("Supervisor's workers", function()
  both("may be functions run as tasks", function()
    local log = support.log()
    local sup = Supervisor {
      on = "tasks", restart = "on-failure",
      { args = { "x", nil, "z", n = 3 }, target = function(...) log(select("#", ...)) end },
      function() crun.sleep(1) log("second") end,
    }
    sup:run()
    assert.equal("3 second", log:text())
  end)

  both("may be supervisors", function()
    local play = stage()
    local sup = Supervisor {
      { name = "inner", make = function()
        return Supervisor {
          max_restarts = 1, on_event = silent, { make = play.make { lives = 1, code = 1 } },
        }
      end },
      max_restarts = 1, on_event = silent,
    }
    local failures = support.collect_failures()
    local err = support.raised(sup.run, sup)
    assert.equal(4, play.born)
    assert.matches("inner was restarted 1 times", tostring(err))
    assert.matches("%+%- Supervisor gave up: worker%-1 was restarted 1 times", tostring(err))
    assert.same({}, failures)
  end)

  both("come and go", function()
    local play = stage()
    local sup <close> = Supervisor { { name = "a", make = play.make {} } }:start()
    crun.sleep(1)
    assert.same({ "b-1", "b-2" }, sup:add { name = "b", count = 2, make = play.make {} })
    crun.sleep(1)
    assert.is_true(sup:remove("b-1"))
    assert.equal("ENOENT", select(3, sup:remove("b-1")))
    local names = {}
    for i, worker in ipairs(sup:workers()) do names[i] = worker.name .. " " .. worker.state end
    assert.same({ "a running", "b-2 running" }, names)
    assert.equal("crun.Supervisor 'Supervisor': 2 of 2 workers alive", tostring(sup))
    assert.equal(lines("0 a started", "1 b-1 started", "1 b-2 started", "2 b-1 told",
      "2 b-1 ended 0"), play.text())
  end)

  both("are told of in the order of what happens", function()
    local seen = {}
    local _, sup = supervise({ lives = 1, code = -11 }, {
      max_restarts = 1,
      on_event = function(event)
        seen[#seen + 1] = ("%s %s %s %s"):format(event.what, event.name,
          event.ending and event.ending.text, event.restart_in)
      end,
    })
    support.raised(sup.get, sup)
    crun.yield()
    assert.same({
      "started w nil nil", "ended w was killed by signal 11 (SIGSEGV) 0.1",
      "started w nil nil", "gave up w was killed by signal 11 (SIGSEGV) nil",
    }, seen)
  end)

  both("whose methods fail do not hold up the end", function()
    local failures = support.collect_failures()
    local sup = Supervisor {
      { make = function()
        local gone = crun.Event()
        return { start = function() end, join = function() return gone:wait() end,
          terminate = function() gone:set() error("cannot", 0) end }
      end },
    }:start()
    crun.sleep(1)
    assert.is_true(sup:stop())
    assert.equal("cannot", failures[1].err)
  end)
end)

describe("Supervisor without on_event", function()
  both("writes on stderr what failed, and what was killed", function()
    local play, text = stage(), {}
    local stderr <close> = setmetatable({ file = io.stderr }, {
      __close = function(self) rawset(io, "stderr", self.file) end,
    })
    rawset(io, "stderr", { write = function(_, line) text[#text + 1] = line end })
    local sup = Supervisor {
      name = "shop",
      { name = "till", make = play.make { lives = 1, code = -11 } },
      { name = "door", make = play.make { deaf = false }, shutdown = 3 },
      { name = "bell", make = play.make { lives = 1 }, backoff = 50 },
    }:start()
    crun.sleep(1.05)
    sup:stop()
    assert.equal("table", type(stderr))
    assert.same({
      "crun: shop: till was killed by signal 11 (SIGSEGV); it is started again in 0.1 s\n",
      "crun: shop: door did not end within 3 s and is killed\n",
    }, text)
  end)
end)

describe("Supervisor refuses", function()
  it("what it does not know, where it was called", function()
    local cases = {
      [{ "table expected, got nil" }] = function() Supervisor() end,
      [{ "#2 to 'Supervisor' (nothing expected there" }] = function()
        Supervisor({ print }, { print })
      end,
      [{ "a list of workers expected" }] = function() Supervisor {} end,
      [{ "worker 2", "got nil" }] = function() Supervisor { print, nil, print } end,
      [{ "unknown option 'workers'" }] = function() Supervisor { print, workers = 2 } end,
      [{ "worker 2", "unknown option 'foo'" }] = function()
        Supervisor { print, { print, foo = 1 } }
      end,
      [{ "worker 1", "function or table expected, got number" }] = function() Supervisor { 1 } end,
      [{ "worker 1", "go into 'args'" }] = function() Supervisor { { print, 1 } } end,
      [{ "worker 1", "'target' or 'make'" }] = function() Supervisor { { name = "x" } } end,
      [{ "option 'restart'", "got 'no'" }] = function() Supervisor { print, restart = "no" } end,
      [{ "option 'backoff': seconds" }] = function() Supervisor { print, backoff = -1 } end,
      [{ "worker 1: option 'count'" }] = function() Supervisor { { print, count = 0 } } end,
      [{ "two workers named 'x'" }] = function()
        Supervisor { { print, name = "x" }, { print, name = "x" } }
      end,
    }
    for words, fn in pairs(cases) do support.refuses(words, fn) end
  end)

  both("what comes at the wrong time", function()
    local sup = Supervisor { on = "tasks", function() end, restart = "never" }
    support.refuses({ "must be started" }, function() sup:join() end)
    support.refuses({ "must be started" }, function() sup:stop() end)
    sup:run()
    support.refuses({ "only once" }, function() sup:start() end)
    support.refuses({ "has ended" }, function() sup:add(print) end)
    support.refuses({ "bad self" }, function() sup.start({}) end)
  end)
end)
