-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both, nap, raised = support.both, support.nap, support.raised

---A function that notes how many calls of it run at once, and the most there were.
local function counter()
  local seen = { now = 0, most = 0 }
  function seen.run(seconds)
    seen.now = seen.now + 1
    seen.most = math.max(seen.most, seen.now)
    local _ <close> = setmetatable({}, { __close = function() seen.now = seen.now - 1 end })
    crun.sleep(seconds)
  end
  return seen
end

local function sizes(body)
  for _, size in ipairs { 1, 2, 3, 10, math.huge } do
    body(crun.Pool(size ~= math.huge and size or nil), size)
  end
end

local function collect(...)
  local list = {}
  for value in ... do list[#list + 1] = value end
  return table.concat(list, " ")
end

describe("laws of pools:", function()
  both("law 92: a pool of n never runs more than n", function()
    sizes(function(pool, size)
      local seen, tasks = counter(), {}
      for i = 1, 12 do tasks[i] = pool:spawn(seen.run, 1 + i % 3) end
      crun.joinall(tasks)
      assert.equal(math.min(size, 12), seen.most)
      assert.equal(0, #pool)
    end)
  end)

  both("law 92: no way of adding a job exceeds it", function()
    local pool, seen = crun.Pool(2), counter()
    for _ = 1, 4 do pool:apply_async(seen.run, { 1 }) end
    local others = {
      crun.spawn(pool.map, pool, function(s) seen.run(s) end, { 1, 2, 1, 2 }),
      crun.spawn(pool.apply, pool, seen.run, { 1 }),
      crun.spawn(function()
        for _ in pool:imap(function(s) seen.run(s) return true end, { 1, 1, 1 }) do crun.yield() end
      end),
    }
    for _ = 1, 3 do pool:spawn(seen.run, 1) end
    crun.joinall(others)
    pool:join()
    assert.equal(2, seen.most)
  end)

  both("law 92: spawn into a full one waits, in the order of asking", function()
    local pool, log = crun.Pool(1), support.log()
    pool:spawn(nap, 1)
    local start = crun.now()
    for i = 1, 3 do
      crun.spawn(function() pool:spawn(function() log(i) nap(1) end) end)
    end
    crun.yield()
    pool:spawn(log, "main")
    support.took(start, 4)
    pool:join()
    assert.equal("1 2 3 main", log:text())
  end)

  both("law 92: or says that it is full", function()
    local pool = crun.Pool(1)
    assert.is_false(pool:full())
    pool:spawn(nap, 2)
    assert.is_true(pool:full())
    local start = crun.now()
    assert.equal("EAGAIN", select(3, pool:spawn_nowait(nap)))
    assert.equal("ETIMEDOUT", select(3, pool:spawn_timeout(0, nap)))
    support.took(start, 0)
    assert.equal("ETIMEDOUT", select(3, pool:spawn_timeout(1.5, nap)))
    support.took(start, 1.5)
    assert.equal("late", pool:spawn_timeout(1, nap, 1, "late"):get())
    support.took(start, 3)
    assert.equal("now", pool:spawn_nowait(nap, 1, "now"):get())
    assert.equal("ETIMEDOUT", select(3, crun.with_timeout(1, function()
      pool:spawn(nap, 2)
      pool:spawn(nap, 2)
    end)))
    pool:join()
  end)

  both("law 92: a place comes back after success, error and kill alike", function()
    local pool = crun.Pool(1)
    local failures = support.collect_failures()
    pool:spawn(nap, 1):join()
    assert.equal(1, pool:free_count())
    pool:spawn(error, "no")
    pool:join()
    assert.equal(1, pool:free_count())
    assert.equal(1, #failures)
    local killed = pool:spawn(nap, 1)
    crun.yield()
    killed:cancel()
    killed:join()
    assert.equal(1, pool:free_count())
    pool:spawn(nap, 1):cancel()
    assert.equal(1, pool:free_count())
    crun.yield()
  end)

  both("law 92: who is killed while it waits for a place takes none", function()
    local pool, ran = crun.Pool(1), false
    pool:spawn(nap, 1)
    local waiter = crun.spawn(pool.spawn, pool, function() ran = true end)
    local queued = pool:apply_async(function() ran = true end)
    crun.yield()
    waiter:cancel()
    queued:cancel()
    pool:join()
    assert.is_false(ran)
    assert.equal(1, pool:free_count())
  end)

  both("law 92: a job that gets its place in the turn of its kill does not start", function()
    local pool, ran, queued = crun.Pool(1), false, nil
    pool:spawn(function()
      crun.sleep(1)
      crun.spawn(function() queued:cancel() end)
    end)
    queued = pool:apply_async(function() ran = true end)
    pool:join()
    assert.is_false(ran)
    assert.is_true(queued:cancelled())
    assert.equal(1, pool:free_count())
  end)

  it("law 92: a size must be an integer above 0", function()
    for _, size in ipairs { 0, -1, 1.5, "3", false } do
      support.refuses({ "bad argument #1 to 'Pool'", tostring(size) },
        function() crun.Pool(size) end)
    end
  end)

  both("law 93: map keeps the order of its inputs", function()
    sizes(function(pool)
      local list = pool:map(function(n) return nap(10 - n, n * n) end, { 1, 5, 2, 9, 4 })
      assert.equal("1 25 4 81 16", table.concat(list, " "))
      local results = collect(pool:imap(function(n) return nap(10 - n, n * n) end, { 1, 5, 2, 9 }))
      assert.equal("1 25 4 81", results)
    end)
  end)

  both("law 93: the unordered form gives the order of completion", function()
    sizes(function(pool, size)
      local results = collect(pool:imap_unordered(function(n) return nap(n, n) end, { 5, 1, 3, 2 }))
      assert.equal(({ [1] = "5 1 3 2", [2] = "1 3 5 2", [3] = "1 3 2 5" })[size] or "1 2 3 5",
        results)
    end)
  end)

  both("law 93: of nothing gives nothing at once", function()
    sizes(function(pool)
      local start = crun.now()
      assert.same({}, pool:map(nap, {}))
      assert.same({}, pool:map(nap, function() end))
      assert.equal("", collect(pool:imap(nap, {})))
      assert.equal("", collect(pool:imap_unordered(nap, {})))
      support.took(start, 0)
    end)
  end)

  both("law 94: an error in a job comes out of map once the rest has ended", function()
    sizes(function(pool)
      local ended = 0
      local err = raised(pool.map, pool, function(n)
        crun.sleep(n)
        if n == 2 or n == 1 then error("job " .. n, 0) end
        ended = ended + 1
      end, { 3, 2, 1, 4 })
      assert.equal("job 2", err)
      assert.equal(2, ended)
      assert.equal(0, #pool)
      assert.same({ 2, 4 }, pool:map(function(n) return 2 * n end, { 1, 2 }))
    end)
  end)

  both("law 94: an error in a job comes out of imap at its own place, and it goes on", function()
    sizes(function(pool)
      for _, way in ipairs { "imap", "imap_unordered" } do
        local step = pool[way](pool, function(n)
          crun.sleep(n)
          if n == 2 then error("job 2", 0) end
          return n
        end, { 1, 2, 3 })
        assert.equal(1, step())
        assert.equal("job 2", raised(step))
        assert.equal(3, step())
        assert.is_nil(step())
        assert.is_nil(step())
      end
    end)
  end)

  both("law 94: an error of the input comes out, too", function()
    local function inputs(_, n)
      n = (n or 0) + 1
      if n == 3 then error("input 3", 0) end
      return n
    end
    sizes(function(pool)
      local ended = 0
      local function work(n)
        crun.sleep(n)
        ended = ended + 1
        return n
      end
      assert.equal("input 3", raised(pool.map, pool, work, inputs))
      assert.equal(2, ended)
      for _, way in ipairs { "imap", "imap_unordered" } do
        local step = pool[way](pool, work, inputs)
        assert.equal(1, step())
        assert.equal(2, step())
        assert.equal("input 3", raised(step))
        assert.is_nil(step())
      end
    end)
  end)

  both("law 95: a pool's only job can call its own pool", function()
    local pool, seen = crun.Pool(1), 0
    local function root(n)
      seen = math.max(seen, #pool)
      return nap(1, math.sqrt(n))
    end
    assert.equal(3, pool:apply(pool.apply, { pool, root, { 9 } }))
    assert.same({ 2, 3 }, pool:apply(pool.map, { pool, root, { 4, 9 } }))
    assert.equal("2.0 3.0", pool:apply(function() return collect(pool:imap(root, { 4, 9 })) end))
    assert.equal("2.0 3.0", pool:apply(function()
      return collect(pool:imap_unordered(root, { 4, 9 }))
    end))
    assert.equal(4, pool:apply(function()
      return pool:apply(function() return pool:apply(root, { 16 }) end)
    end))
    assert.equal(1, seen)
    assert.equal("no", raised(pool.apply, pool, pool.apply, { pool, error, { "no", 0 } }))
    assert.equal(1, pool:free_count())
  end)

  both("law 95: the jobs of such a call run one at a time", function()
    local pool, seen = crun.Pool(1), counter()
    pool:apply(pool.map, { pool, seen.run, { 1, 1, 1 } })
    assert.equal(1, seen.most)
    pool = crun.Pool(3)
    local start = crun.now()
    pool:apply(pool.map, { pool, seen.run, { 1, 1, 1, 1 } })
    assert.equal(3, seen.most)
    support.took(start, 2)
  end)

  both("law 95: spawn refuses to wait when all jobs wait for a further place", function()
    local pool = crun.Pool(2)
    local started = crun.Event()
    local first = pool:spawn(function()
      started:wait()
      pool:spawn(nap):join()
    end)
    local second = pool:spawn(function() pool:spawn(nap):join() end)
    crun.yield()
    started:set()
    first:join()
    assert.matches("deadlock: every job of this Pool", tostring(first:exception()))
    second:get()
    pool:join()
  end)

  both("law 95: it does wait when one of them will give up", function()
    local pool, codes = crun.Pool(2), {}
    local function work(seconds)
      local _, _, code = pool:spawn_timeout(seconds, nap, 1)
      codes[#codes + 1] = code or "started"
    end
    pool:spawn(work, 1)
    pool:spawn(work, nil)
    pool:join()
    assert.same({ "ETIMEDOUT", "started" }, codes)
  end)

  both("law 95: killing a pool ends all that runs in it, and drops what waits", function()
    sizes(function(pool, size)
      local begun, tasks = 0, {}
      local function work()
        begun = begun + 1
        crun.sleep(100)
      end
      for i = 1, 5 do tasks[i] = pool:apply_async(work) end
      local map = crun.spawn(raised, pool.map, pool, work, { 1, 2, 3 })
      crun.yield()
      crun.yield()
      local start = crun.now()
      pool:cancel "enough"
      assert.is_true(pool:join())
      support.took(start, 0)
      for _, task in ipairs(tasks) do
        assert.is_true(task:cancelled())
        assert.equal("enough", task:exception().reason)
      end
      assert.equal(math.min(size, 8), begun)
      assert.equal("enough", map:get().reason)
      assert.equal(0, #pool)
      assert.equal("again", pool:apply(nap, { 1, "again" }))
    end)
  end)

  both("law 95: inputs that a killed pool had not begun are dropped", function()
    local pool, begun = crun.Pool(2), {}
    local function work(n)
      begun[#begun + 1] = n
      crun.sleep(1)
      return n
    end
    local function slow(_, n)
      crun.sleep(0.1)
      return (n or 0) + 1
    end
    crun.spawn(function()
      crun.sleep(0.55)
      pool:cancel "enough"
    end)
    assert.equal("enough", raised(pool.map, pool, work, { 1, 2, 3, 4 }).reason)
    assert.same({ 1, 2 }, begun)
    for _, way in ipairs { "imap", "imap_unordered" } do
      begun = {}
      crun.spawn(function()
        crun.sleep(0.55)
        pool:cancel "enough"
      end)
      local step = pool[way](pool, work, slow)
      for _ = 1, 3 do assert.equal("enough", raised(step).reason) end
      assert.is_nil(step())
      assert.same({ 1, 2 }, begun)
    end
  end)

  both("law 95: inputs that came after the kill are dropped, too", function()
    local pool, begun = crun.Pool(2), 0
    local function work(n)
      begun = begun + 1
      return n
    end
    local function slow(_, n)
      crun.sleep(1)
      return (n or 0) + 1
    end
    for _, way in ipairs { "map", "imap", "imap_unordered" } do
      begun = 0
      crun.spawn(function()
        crun.sleep(2.5)
        pool:cancel "enough"
      end)
      local err = raised(function()
        if way == "map" then return pool:map(work, slow) end
        for _ in pool[way](pool, work, slow) do crun.yield() end
      end)
      assert.equal("enough", err.reason)
      assert.equal(2, begun)
    end
  end)

  both("law 95: join of an empty pool returns true at once", function()
    sizes(function(pool)
      local start = crun.now()
      assert.is_true(pool:join())
      assert.is_true(pool:join(0))
      support.took(start, 0)
    end)
  end)
end)
