-- SPDX-License-Identifier: MIT

--- crun.testing: what a test run by it must find, and what it must leave as it was.
local core = require "crun.core"
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local testing = require "crun.testing"

local REAL = { clock = "real" }

describe("testing.run", function()
  it("gives the body its arguments and returns its results", function()
    local function body(...) return select("#", ...), ... end
    assert.same({ 3, 1, nil, false }, { testing.run(body, nil, 1, nil, false) })
    assert.equal(4, select("#", testing.run(body, nil, 1, nil, nil)))
  end)

  it("runs it in a task of its own on the virtual clock", function()
    local outer, inner = crun.current(), nil
    local real = os.clock()
    testing.run(function()
      inner = crun.current()
      local start = crun.now()
      crun.sleep(50)
      support.took(start, 50)
    end)
    assert.are_not.equal(outer, inner)
    assert.is_true(os.clock() - real < 5)
  end)

  it("on the real clock when asked to", function()
    local start = crun.now()
    testing.run(function() crun.sleep(0.005) end, REAL)
    support.took(start, 0.005, false)
  end)

  it("raises the body's error, the same object", function()
    local reason = {}
    assert.equal(reason, support.raised(testing.run, function() error(reason) end))
  end)

  it("raises the cancel error of a body that was cancelled", function()
    local err = support.raised(testing.run, function()
      crun.current():cancel("enough")
      crun.yield()
    end)
    assert.equal("enough", err.reason)
  end)

  it("ends a body that takes longer than the limit, and says where it is", function()
    local closed = false
    local err = support.raised(testing.run, function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      while true do crun.sleep(3) end
    end, { limit = 10 })
    assert.matches("^still running after 10 s: task#%d+ 'test' %(waiting%) at ", err)
    assert.matches("testing_spec.lua", err, 1, true)
    assert.matches("task#%d+ 'test': waiting: sleep", err)
    assert.is_true(closed)
    assert.matches("after 60 s", support.raised(testing.run, crun.sleep, nil, 61))
    assert.is_true(testing.run(function() return crun.sleep(59) == nil end))
  end)

  it("without a limit leaves a hang to the deadlock report", function()
    local err = support.raised(testing.run, function() crun.Queue():get() end, { limit = false })
    assert.matches("deadlock", tostring(err))
  end)

  it("names a task that is left, and ends it", function()
    local left
    local err = support.raised(testing.run, function()
      left = crun.spawn(crun.sleep, 1000)
      left.name = "forgotten"
    end)
    assert.matches("^left behind: task#%d+ 'forgotten'", err)
    assert.is_true(left:done())
    assert.is_true(testing.run(function()
      left = crun.spawn(crun.sleep, 1000)
      return true
    end, { leaks = false }))
    assert.is_true(left:done())
  end)

  it("leaves alone what was alive before", function()
    local before = crun.spawn(crun.sleep, 1000)
    crun.yield()
    testing.run(function() crun.sleep(0.1) end)
    assert.is_false(before:done())
    crun.killall { before }
  end)

  it("raises a failure that nobody looked at", function()
    local err = support.raised(testing.run, function()
      crun.spawn(error, "unseen").name = "child"
      crun.yield()
    end)
    assert.matches("^task#%d+ 'child' failed: unseen\nstack traceback:", err)
  end)

  it("turns the watchdog on, unless it is", function()
    local during
    testing.run(function()
      during = crun.watchdog(5)
    end)
    assert.equal(1, during)
    assert.is_nil(crun.watchdog(7))
    testing.run(function()
      during = crun.watchdog(5)
    end)
    assert.equal(7, during)
    assert.equal(7, crun.watchdog(nil))
  end)

  it("sets back clock, schedule and on_error, also after an error", function()
    local function on_error() end
    crun.on_error = on_error
    core.schedule(5)
    testing.run(function() crun.on_error = print end, { seed = 7 })
    pcall(testing.run, error, { seed = 8 })
    assert.equal(5, core.schedule(nil))
    assert.equal("real", core.clock("real"))
    assert.equal(on_error, crun.on_error)
  end)

  it("goes on with a seeded order where it was", function()
    local function draw()
      local log, tasks = support.log(), {}
      for i = 1, 9 do tasks[i] = crun.spawn(log, i) end
      crun.joinall(tasks)
      return log:text()
    end
    core.schedule(3)
    local first, second = draw(), draw()
    core.schedule(3)
    assert.equal(first, draw())
    testing.run(draw, { seed = 11 })
    assert.equal(second, draw())
    assert.are_not.equal(first, second)
  end)

  it("ends the body when the caller is cancelled", function()
    local closed = false
    local caller = crun.spawn(testing.run, function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      crun.Queue():get()
    end, REAL)
    crun.yield()
    caller:cancel("over")
    caller:join()
    assert.equal("cancelled", caller:status())
    assert.is_true(closed)
  end)

  it("refuses what it cannot use", function()
    support.refuses({ "#1 to 'run'", "function expected" }, function() testing.run(1) end)
    support.refuses({ "#2", "table expected" }, function() testing.run(print, 5) end)
    support.refuses({ "unknown option 'sed'" }, function() testing.run(print, { sed = 1 }) end)
    support.refuses({ "'seed': integer" }, function() testing.run(print, { seed = 1.5 }) end)
    support.refuses({ "'limit'" }, function() testing.async(print, { limit = -1 }) end)
    support.refuses({ "'clock'", "sundial" }, function()
      testing.busted(it, { clock = "sundial" })
    end)
    support.refuses({ "'n'" }, function() testing.schedules(print, { n = 0 }) end)
    support.refuses({ "unknown option 'n'" }, function() testing.run(print, { n = 1 }) end)
  end)
end)

describe("testing.async and testing.busted", function()
  it("wrap a body, arguments and results too", function()
    local body = testing.async(function(a, b)
      crun.sleep(30)
      return b, a
    end)
    assert.same({ 2, 1 }, { body(1, 2) })
    assert.same({ 4, 3 }, { body(3, 4) })
  end)

  it("define tests whose bodies are tasks", function()
    local defined = {}
    local function fake(title, body) defined[title] = body end
    testing.busted(fake, { limit = 5 })("slow", function() crun.sleep(6) end)
    assert.matches("after 5 s", support.raised(defined.slow))
    testing.busted(fake)("to be written")
    assert.is_nil(defined["to be written"])
  end)

  local it = testing.busted(it)
  it("work with busted's own it", function()
    assert.are_not.equal(1, crun.current().id)
    crun.sleep(10)
  end)
end)

describe("testing.schedules", function()
  -- Loses an update in those orders in which the first reads before the second has written.
  local function race()
    local count, tasks = 0, {}
    for i = 1, 2 do
      tasks[i] = crun.spawn(function()
        for _ = 1, 3 * (i - 1) do crun.yield() end
        local old = count
        crun.yield()
        count = old + 1
      end)
    end
    crun.joinall(tasks)
    assert(count == 2, "an update was lost")
  end

  it("runs the body under each seed, the first being 1", function()
    local seeds = {}
    assert.equal(5, testing.schedules(function(seed) seeds[#seeds + 1] = seed end, { n = 5 }))
    assert.same({ 1, 2, 3, 4, 5 }, seeds)
    seeds = {}
    testing.schedules(function(seed) seeds[#seeds + 1] = seed end, { n = 2, seed = 40 })
    assert.same({ 40, 41 }, seeds)
    assert.equal(200, testing.schedules(function() end))
  end)

  it("names the first seed that fails, the error and how to replay it", function()
    testing.run(race)
    local err = support.raised(testing.schedules, race)
    local seed = math.tointeger(err:match("^seed (%d+) fails %(1 to 200 were asked for%): "))
    assert.matches("an update was lost\nstack traceback:", err, 1, true)
    assert.matches("\nreplay: CRUN_SEED=" .. seed .. " ", err, 1, true)
    assert.is_true(pcall(testing.schedules, race, { n = seed - 1 }))
    support.raised(testing.schedules, race, { n = 1, seed = seed })
  end)

  it("seeds math.random", function()
    local function draw(into)
      return function(seed) into[seed] = math.random(1 << 60) end
    end
    local one, two = {}, {}
    testing.schedules(draw(one), { n = 3 })
    testing.schedules(draw(two), { n = 3 })
    assert.same(one, two)
    assert.are_not.equal(one[1], one[2])
  end)

  it("looks for what is left after each, and at failures unseen", function()
    local err = support.raised(testing.schedules, function(seed)
      if seed == 3 then crun.spawn(crun.sleep, 9) end
    end)
    assert.matches("^seed 3 fails .*left behind: task#", err)
    err = support.raised(testing.schedules, function(seed)
      if seed == 2 then crun.spawn(error, "unseen") crun.yield() end
    end)
    assert.matches("^seed 2 fails .*unseen", err)
  end)
end)

describe("CRUN_SEED", function()
  local ORDER = [[
    local crun = require "crun"
    local list = {}
    for i = 1, 8 do list[i] = crun.spawn(io.write, i, " ") end
    crun.joinall(list)
  ]]

  local function run(text, env)
    local path = process.script(text)
    local result = process.run_file(path, "", { env = env })
    os.remove(path)
    return result
  end

  it("seeds the schedule of a whole script", function()
    assert.equal("1 2 3 4 5 6 7 8 ", run(ORDER).out)
    assert.equal("1 2 3 4 5 6 7 8 ", run(ORDER, "CRUN_SEED=").out)
    local seventeen = run(ORDER, "CRUN_SEED=17").out
    assert.are_not.equal("1 2 3 4 5 6 7 8 ", seventeen)
    assert.equal(seventeen, run(ORDER, "CRUN_SEED=17").out)
    assert.are_not.equal(seventeen, run(ORDER, "CRUN_SEED=18").out)
  end)

  it("is ignored with the interpreter's option -E", function()
    local script = ("package.path = %q; package.cpath = %q; "):format(package.path, package.cpath)
    local path = process.script(script .. ORDER)
    local result = process.command(("env CRUN_SEED=17 %s -E %s"):format(process.interpreter, path))
    os.remove(path)
    assert.equal("1 2 3 4 5 6 7 8 ", result.out)
  end)

  it("must be an integer", function()
    for _, value in ipairs { "seventeen", "1.5" } do
      local result = run(ORDER, "CRUN_SEED=" .. value)
      assert.equal(1, result.status)
      assert.matches("CRUN_SEED: an integer expected, got '" .. value .. "'", result.err, 1, true)
    end
  end)

  it("makes schedules() replay that seed alone", function()
    local script = [[
      local testing = require "crun.testing"
      print(testing.schedules(function(seed) print(seed, math.random(1000)) end, { n = 3 }))
    ]]
    local all, one = run(script).out, run(script, "CRUN_SEED=2").out
    assert.equal(all:match("\n(2\t%d+\n)") .. "1\n", one)
  end)

  it("is what run() takes unless it is given a seed", function()
    local script = [[
      local core, testing = require "crun.core", require "crun.testing"
      testing.run(function() print(core.schedule(nil)) end)
      testing.run(function() print(core.schedule(nil)) end, { seed = 0 })
    ]]
    assert.equal("0\n0\n", run(script).out)
    local first, second = run(script, "CRUN_SEED=6").out:match("(%-?%d+)\n(%-?%d+)\n")
    assert.are_not.equal("0", first)
    assert.equal("0", second)
  end)
end)
