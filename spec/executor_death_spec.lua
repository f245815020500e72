-- SPDX-License-Identifier: MIT

--- Workers that die, at every stage of a job: each job is done or has failed, once; only what the
--- dead worker had begun fails; the pool goes on.
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"
local raised = support.raised
local assert, describe, it = assert, describe, it
local _ENV = support.globals -- luacheck: ignore 211

local KILLED = "^EWORKERDIED: worker %d+ of the ProcessPool was killed by signal 9 %(SIGKILL%)$"
local BIG = 1 << 20

--- Five stages of so many kills each.
local ROUNDS = support.scaled(100, 6)

--- Kills the workers that there are, from outside.
local function kill_all(pool)
  for _, worker in ipairs(pool.engine.everyone) do
    if worker.handle then worker.handle:kill(9) end
  end
end

--- Kills its own process.
local function kill_self()
  crun.subprocess.run { "kill", "-9", tostring(crun.getpid()) }
  crun.sleep(1000)
end

local function hang(queue)
  queue:put "begun"
  crun.sleep(1000)
end

describe("a worker killed", function()
  it("while it is idle is replaced", function()
    local pool <close> = crun.ProcessPool(1)
    for i = 1, ROUNDS do
      assert.equal(i, pool:apply(math.abs, { -i }))
      kill_all(pool)
      if i % 2 == 0 then crun.yield() end
    end
    assert.equal(1, pool:apply(math.abs, { 1 }))
  end)

  it("while it receives a job fails that at most, and nothing else", function()
    local pool <close> = crun.ProcessPool(1)
    local text, failed = ("x"):rep(BIG), 0
    for i = 1, ROUNDS do
      pool:apply(math.abs, { 1 })
      local futures = {}
      for k = 1, 3 do futures[k] = pool:submit(function(s) return #s + k end, text) end
      crun.sleep(i % 5 * 1e-4)
      kill_all(pool)
      local lost = 0
      for k, future in ipairs(futures) do
        local ok, result = pcall(future.get, future)
        if ok then assert.equal(BIG + k, result) else lost = lost + 1 end
        if not ok then assert.matches(KILLED, result) end
      end
      assert.is_true(lost <= 1)
      failed = failed + lost
    end
    assert.is_true(failed <= ROUNDS)
  end)

  it("while it runs a job fails that, and none of those behind it", function()
    local pool <close> = crun.ProcessPool(1)
    local queue = crun.Queue()
    for i = 1, ROUNDS do
      local first = pool:submit(hang, queue)
      local second, third = pool:submit(math.abs, -i), pool:submit(math.abs, -2 * i)
      queue:get()
      kill_all(pool)
      assert.matches(KILLED, raised(first.get, first))
      assert.equal(i, second:get())
      assert.equal(2 * i, third:get())
    end
    assert.equal(0, #pool)
  end)

  it("while it sends the result fails that job or has done it", function()
    local pool <close> = crun.ProcessPool(1)
    local queue = crun.Queue()
    for i = 1, ROUNDS do
      local first = pool:submit(function(q)
        q:put "begun"
        return ("x"):rep(4 * BIG)
      end, queue)
      local second = pool:submit(math.abs, -i)
      queue:get()
      crun.sleep(i % 4 * 5e-4)
      kill_all(pool)
      local ok, result = pcall(first.get, first)
      if ok then assert.equal(4 * BIG, #result) else assert.matches(KILLED, result) end
      assert.equal(i, second:get())
    end
  end)

  it("at any moment of many jobs fails one of them at most", function()
    local pool <close> = crun.ProcessPool(2)
    local draw = random.new(4)
    local done, failed, kills = 0, 0, 0
    for _ = 1, ROUNDS do
      local futures, list = {}, {}
      for k = 1, 20 do futures[k] = pool:submit(function(n) return n * n end, k) end
      futures[draw(20)]:join()
      local worker = pool.engine.everyone[draw(#pool.engine.everyone)]
      if worker and worker.handle and worker.handle:kill(9) then kills = kills + 1 end
      for k, future in ipairs(futures) do
        local ok, result = pcall(future.get, future)
        if ok then assert.equal(k * k, result) else list[#list + 1] = result end
        if not ok then assert.matches(KILLED, result) end
      end
      assert.is_true(#list <= 1)
      done, failed = done + 20 - #list, failed + #list
    end
    assert.equal(20 * ROUNDS, done + failed)
    assert.is_true(failed <= kills)
    assert.equal(0, #pool)
  end)

  it("in the middle of a map costs the map one input, and imap too", function()
    local pool <close> = crun.ProcessPool(2)
    local function work(n)
      if n == 5 then kill_self() end
      return n
    end
    assert.matches(KILLED, raised(pool.map, pool, work, { 1, 2, 3, 4, 5, 6, 7, 8 }))
    local step <const>, _, _, closing = pool:imap(work, { 1, 2, 3, 4, 5, 6, 7, 8 })
    local _ <close> = closing
    for i = 1, 8 do
      if i == 5 then assert.matches(KILLED, raised(step)) else assert.equal(i, step()) end
    end
    assert.is_nil(step())
  end)
end)

describe("a job whose worker dies", function()
  it("is begun again as often as `retries` says", function()
    local pool <close> = crun.ProcessPool(2, { retries = 2 })
    local tries = crun.Queue()
    local function work(queue, deaths)
      queue:put "tried"
      if queue:qsize() <= deaths then kill_self() end
      return "done"
    end
    assert.equal("done", pool:apply(work, { tries, 2 }))
    assert.equal(3, tries:qsize())
    for _ = 1, 3 do tries:get() end
    assert.matches(KILLED, raised(pool.apply, pool, work, { tries, 3 }))
    assert.equal(3, tries:qsize())
  end)

  it("by os.exit fails with the status", function()
    local pool <close> = crun.ProcessPool(1)
    assert.matches("^EWORKERDIED: worker 1 of the ProcessPool exited with status 7$",
      raised(pool.apply, pool, os.exit, { 7 }))
    assert.equal(2, pool:apply(math.abs, { -2 }))
  end)

  it("while it was being cancelled is cancelled", function()
    local pool <close> = crun.ProcessPool(1)
    local queue = crun.Queue()
    local future = pool:submit(function(q)
      q:put "begun"
      while true do q = q end
    end, queue)
    queue:get()
    future:cancel "enough"
    kill_all(pool)
    future:join()
    assert.is_true(future:cancelled())
    assert.equal("enough", future:exception().reason)
  end)
end)

describe("workers that cannot start", function()
  it("fail the pool after some tries", function()
    local pool = crun.ProcessPool(2, { initializer = os.exit, initargs = { 3 } })
    local future = pool:submit(math.abs, -1)
    assert.matches("^the workers of the ProcessPool cannot start: EWORKERDIED: .* status 3$",
      raised(future.get, future))
    support.refuses({ "cannot start" }, function() pool:submit(math.abs, -1) end)
    pool:join()
  end)

  it("for lack of the module of a function fail the job", function()
    package.loaded["spec.nowhere"] = { run = function() return 1 end }
    for _, name in ipairs { "ThreadPool", "ProcessPool" } do
      local pool <close> = crun[name](1)
      assert.matches("spec.nowhere", raised(pool.apply, pool, package.loaded["spec.nowhere"].run))
      assert.matches("spec.nowhere", raised(pool.map, pool, package.loaded["spec.nowhere"].run,
        { 1, 2 }))
      assert.equal(2, pool:apply(math.abs, { -2 }))
    end
    package.loaded["spec.nowhere"] = nil
  end)
end)
