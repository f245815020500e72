-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both, nap, raised = support.both, support.nap, support.raised

local function double(n) return 2 * n end

describe("a Pool", function()
  both("shows its state", function()
    local pool, free = crun.Pool(2), crun.Pool()
    assert.equal("crun.Pool: 0 of 2 places taken, 0 waiting", tostring(pool))
    assert.equal("crun.Pool: 0 jobs, no limit", tostring(free))
    for _ = 1, 3 do
      pool:apply_async(nap, { 1 })
      free:spawn(nap, 1)
    end
    crun.yield()
    assert.equal("crun.Pool: 2 of 2 places taken, 1 waiting", tostring(pool))
    assert.equal("crun.Pool: 3 jobs, no limit", tostring(free))
    assert.equal(2, #pool)
    assert.equal(3, #free)
    assert.equal(0, pool:free_count())
    assert.equal(math.huge, free:free_count())
    assert.is_false(free:full())
    pool:join()
    free:join()
    pool:close()
    assert.equal("crun.Pool: 0 of 2 places taken, 0 waiting, closed", tostring(pool))
  end)

  both("passes arguments and results, nils included", function()
    local pool = crun.Pool(1)
    assert.same(table.pack(1, nil, 3, nil), table.pack(pool:spawn(function(...)
      return ...
    end, 1, nil, 3, nil):get()))
    local args = table.pack(nil, 2, nil)
    assert.same(args, table.pack(pool:apply(function(...) return ... end, args)))
    assert.same(args, table.pack(pool:apply_async(function(...) return ... end, args):get()))
    assert.equal(0, select("#", pool:apply(function() end)))
    local many = {}
    for i = 1, 200 do many[i] = i end
    assert.equal(200, select("#", pool:apply(function(...) return ... end, many)))
  end)

  both("reports a failure that nobody waits for, once, with its place", function()
    local failures = support.collect_failures()
    local pool = crun.Pool(1)
    local task = pool:spawn(error, "one", 0)
    pool:apply_async(error, { "two", 0 })
    pool:join()
    assert.equal("one", failures[1].err)
    assert.equal("two", failures[2].err)
    assert.equal(2, #failures)
    assert.equal(task, failures[1].task)
    assert.matches("spawned at spec/pool_spec.lua", failures[1].traceback)
    pool:spawn(error, "joined"):join()
    pcall(pool.apply, pool, error)
    pcall(pool.map, pool, error, { 1, 2 })
    raised(pool:imap(error, { 1 }))
    crun.yield()
    assert.equal(2, #failures)
  end)

  both("notes where its jobs were spawned", function()
    local pool = crun.Pool(1)
    local failures = support.collect_failures()
    local line = debug.getinfo(1, "l").currentline
    pool:spawn(error)
    pool:spawn(error)
    pool:apply_async(error)
    pool:apply_async(error)
    pool:spawn_timeout(1, error)
    pool:join()
    for i, failure in ipairs(failures) do
      assert.matches("spawned at spec/pool_spec.lua:" .. line + i, failure.traceback, 1, true)
    end
    assert.equal(5, #failures)
  end)

  both("wait_available waits for a place and takes none", function()
    local pool = crun.Pool(1)
    assert.is_true(pool:wait_available(0))
    pool:spawn(nap, 2)
    assert.equal("ETIMEDOUT", select(3, pool:wait_available(0)))
    assert.equal("ETIMEDOUT", select(3, pool:wait_available(1)))
    local start = crun.now()
    assert.is_true(pool:wait_available())
    support.took(start, 1)
    assert.equal(1, pool:free_count())
    pool:spawn(nap, 1)
    crun.spawn(pool.spawn, pool, nap, 1)
    crun.yield()
    start = crun.now()
    assert.is_true(pool:wait_available())
    support.took(start, 2)
  end)

  both("join waits for what is in it, for so long at most", function()
    local pool = crun.Pool(1)
    pool:spawn(nap, 1)
    pool:apply_async(nap, { 1 })
    assert.equal("ETIMEDOUT", select(3, pool:join(1.5)))
    assert.is_true(pool:join(1))
    assert.matches("a job cannot wait for the end of all jobs of its own Pool",
      raised(pool.apply, pool, pool.join, { pool }))
  end)

  both("takes no jobs once it is closed", function()
    local pool = crun.Pool(1)
    pool:spawn(nap, 1)
    local queued = pool:apply_async(nap, { 1, "queued" })
    local late = crun.spawn(raised, pool.spawn, pool, nap)
    crun.yield()
    pool:close()
    support.refuses({ "this Pool is closed" }, function() pool:spawn(nap) end)
    support.refuses({ "this Pool is closed" }, function() pool:spawn_nowait(nap) end)
    support.refuses({ "this Pool is closed" }, function() pool:spawn_timeout(1, nap) end)
    support.refuses({ "this Pool is closed" }, function() pool:apply_async(nap) end)
    support.refuses({ "this Pool is closed" }, function()
      local _ = pool:apply(nap)
    end)
    support.refuses({ "this Pool is closed" }, function()
      local _ = pool:map(nap, { 1 })
    end)
    assert.matches("this Pool is closed", raised(pool:imap(nap, { 1 })))
    assert.equal("queued", queued:get())
    assert.matches("this Pool is closed", late:get())
    assert.equal(1, pool:free_count())
  end)

  both("loses no place when a job cannot be started", function()
    local pool = crun.Pool(1)
    pool:spawn(nap, 1)
    local waiting = crun.spawn(pcall, pool.spawn, pool, nap)
    local behind = crun.spawn(pool.wait_available, pool)
    crun.yield()
    pool:close()
    assert.is_false(waiting:get())
    assert.is_true(behind:get())
  end)

  both("can be forgotten while jobs run and wait for places", function()
    local log, waiters = support.log(), {}
    do
      local pool = crun.Pool(1)
      pool:spawn(function() nap(1) log "done" end)
      waiters[1] = pool:apply_async(function() log "queued" end)
    end
    collectgarbage()
    crun.yield()
    collectgarbage()
    crun.joinall(waiters)
    do crun.Pool(1):spawn(function() nap(1) log "alone" end) end
    collectgarbage()
    crun.sleep(2)
    assert.equal("done queued alone", log:text())
  end)

  it("refuses what makes no sense", function()
    local pool = crun.Pool(1)
    support.refuses({ "unknown option 'size'" }, function() crun.Pool(1, { size = 3 }) end)
    support.refuses({ "'window'" }, function() crun.Pool(1, { window = 0 }) end)
    for _, name in ipairs { "spawn", "spawn_nowait", "apply", "apply_async", "map", "starmap",
                            "imap", "imap_unordered" } do
      support.refuses({ "bad argument #1 to '" .. name .. "' (function expected, got number)" },
        function() local _ = pool[name](pool, 3, {}) end)
    end
    for _, name in ipairs { "map", "imap", "imap_unordered" } do
      support.refuses({ "bad argument #2 to '" .. name .. "' (list or iterator expected" },
        function() local _ = pool[name](pool, nap) end)
    end
    support.refuses({ "bad argument #2 to 'apply' (list of arguments expected, got number)" },
      function() local _ = pool:apply(nap, 1) end)
    support.refuses({ "bad argument #3 to 'apply_async'" },
      function() local _ = pool:apply_async(nap, {}, 1) end)
    support.refuses({ "bad argument #4 to 'apply_async'" },
      function() local _ = pool:apply_async(nap, {}, nil, 1) end)
    support.refuses({ "bad argument #1 to 'spawn_timeout'" },
      function() local _ = pool:spawn_timeout("x", nap) end)
    support.refuses({ "bad argument #2 to 'spawn_timeout'" },
      function() local _ = pool:spawn_timeout(1) end)
    support.refuses({ "bad argument #2 to 'starmap'" },
      function() local _ = pool:starmap(nap, print) end)
    support.refuses({ "starmap", "item 2", "list of arguments", "number" },
      function() local _ = pool:starmap(nap, { { 0 }, 5 }) end)
    assert.equal(1, pool:free_count())
  end)

  both("takes callable tables for functions", function()
    local pool = crun.Pool(1)
    local callable = setmetatable({}, { __call = function(_, n) return 2 * n end })
    assert.equal(4, pool:spawn(callable, 2):get())
    assert.same({ 2, 4 }, pool:map(callable, { 1, 2 }))
  end)
end)

describe("apply", function()
  both("passes a cancel of its caller on, and waits for the clean-up", function()
    local pool, log = crun.Pool(1), support.log()
    assert.equal("ETIMEDOUT", select(3, crun.with_timeout(1, function()
      pool:apply(function()
        local _ <close> = setmetatable({}, {
          __close = function()
            crun.shield(crun.sleep, 1)
            log "clean"
          end,
        })
        crun.sleep(10)
      end)
    end)))
    assert.equal("clean", log:text())
    assert.equal(1, pool:free_count())
  end)
end)

describe("apply_async", function()
  both("calls back with the results or the error, outside of the places", function()
    local pool, log = crun.Pool(1), support.log()
    local function note(name)
      return function(...)
        crun.sleep(1)
        log(name .. ":" .. table.concat({ ... }, ","))
      end
    end
    pool:apply_async(nap, { 1, "a", "b" }, note "good", note "bad")
    pool:apply_async(error, { "no", 0 }, note "good", note "bad")
    local start = crun.now()
    pool:join()
    support.took(start, 2)
    assert.equal("good:a,b bad:no", log:text())
  end)

  both("without error_callback a failure is for who waits, or is reported", function()
    local pool, failures = crun.Pool(1), support.collect_failures()
    local task = pool:apply_async(error, { "seen", 0 }, print)
    assert.equal("seen", raised(task.get, task))
    pool:apply_async(error, { "unseen", 0 }, print)
    pool:apply_async(error, { "handled", 0 }, nil, function() end)
    pool:join()
    assert.equal(1, #failures)
    assert.equal("unseen", failures[1].err)
  end)

  both("a callback that fails is reported, the job is as it was", function()
    local pool, failures = crun.Pool(1), support.collect_failures()
    local task = pool:apply_async(double, { 2 }, function() error("callback", 0) end)
    pool:join()
    assert.equal("callback", failures[1].err)
    assert.equal(4, task:get())
  end)

  both("calls nobody back for a job that was cancelled", function()
    local pool, called = crun.Pool(1), 0
    local function call() called = called + 1 end
    local task = pool:apply_async(nap, { 1 }, call, call)
    local queued = pool:apply_async(nap, { 1 }, call, call)
    crun.yield()
    task:cancel()
    queued:cancel()
    pool:join()
    pool:apply_async(nap, { 1 }, call, call)
    pool:cancel()
    pool:join()
    assert.equal(0, called)
  end)
end)

describe("map", function()
  both("takes an iterator with its state, and hands all its values on", function()
    local pool = crun.Pool(2)
    assert.same({ "1a", "2b" }, pool:map(function(i, s) return i .. s end, ipairs { "a", "b" }))
    local queue = crun.Queue()
    crun.spawn(function()
      for i = 1, 4 do
        crun.sleep(1)
        queue:put(i)
      end
      queue:close()
    end)
    assert.same({ 2, 4, 6, 8 }, pool:map(double, queue:iter()))
  end)

  both("closes its input, also after an error", function()
    local pool, closed = crun.Pool(2), 0
    local function input(limit)
      return function(_, n) return n < limit and n + 1 or nil end, nil, 0,
        setmetatable({}, { __close = function() closed = closed + 1 end })
    end
    assert.same({ 2, 4 }, pool:map(double, input(2)))
    raised(pool.map, pool, error, input(2))
    assert.equal(2, closed)
  end)

  both("keeps the places of results that are nil", function()
    local list = crun.Pool(2):map(function(n) return n ~= 2 and n or nil end, { 1, 2, 3 })
    assert.equal(1, list[1])
    assert.is_nil(list[2])
    assert.equal(3, list[3])
  end)

  both("passes a cancel of its caller on, and begins nothing further", function()
    local pool, begun = crun.Pool(2), 0
    local start = crun.now()
    assert.equal("ETIMEDOUT", select(3, crun.with_timeout(1.5, pool.map, pool, function()
      begun = begun + 1
      crun.sleep(1)
    end, { 1, 2, 3, 4, 5, 6 })))
    support.took(start, 1.5)
    assert.equal(4, begun)
    assert.equal(0, #pool)
  end)

  both("starmap unpacks each item", function()
    local pool = crun.Pool(2)
    assert.same({ 3, 7 }, pool:starmap(function(a, b) return a + b end, { { 1, 2 }, { 3, 4 } }))
    assert.same({ 3 }, pool:starmap(function(...) return select("#", ...) end,
      { table.pack(nil, nil, nil) }))
  end)

  both("shares a pool with other calls", function()
    local pool = crun.Pool(3)
    local one = crun.spawn(pool.map, pool, function(n) return nap(1, n) end, { 1, 2, 3, 4 })
    local two = crun.spawn(pool.map, pool, function(n) return nap(1, -n) end, { 1, 2, 3, 4 })
    local start = crun.now()
    assert.same({ 1, 2, 3, 4 }, one:get())
    assert.same({ -1, -2, -3, -4 }, two:get())
    support.took(start, 3)
  end)
end)

describe("the scope of a Pool", function()
  both("waits for the jobs when it is left", function()
    local start, log = crun.now(), support.log()
    local kept
    do
      local pool <close> = crun.Pool(1)
      kept = pool
      pool:spawn(function()
        crun.sleep(1)
        pool:apply_async(function() nap(1) log "second" end)
      end)
    end
    support.took(start, 2)
    assert.equal("second", log:text())
    support.refuses({ "closed" }, function() kept:spawn(nap) end)
  end)

  both("cancels them when an error leaves it, and waits for their clean-up", function()
    local start, log = crun.now(), support.log()
    assert.equal("out", raised(function()
      local pool <close> = crun.Pool(1)
      pool:spawn(function()
        local _ <close> = setmetatable({}, {
          __close = function()
            crun.shield(crun.sleep, 1)
            log "clean"
          end,
        })
        crun.sleep(100)
      end)
      pool:apply_async(function() log "never" end)
      crun.sleep(1)
      error("out", 0)
    end))
    support.took(start, 2)
    assert.equal("clean", log:text())
  end)

  both("cancels them when its task is cancelled while it waits for them", function()
    local start, ended = crun.now(), false
    local task = crun.spawn(function()
      local pool <close> = crun.Pool(1)
      pool:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() ended = true end })
        crun.sleep(100)
      end)
    end)
    crun.sleep(1)
    task:cancel()
    task:join()
    support.took(start, 1)
    assert.is_true(task:cancelled())
    assert.is_true(ended)
  end)
end)
