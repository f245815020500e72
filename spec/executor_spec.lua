-- SPDX-License-Identifier: MIT

--- ThreadPool and ProcessPool: single jobs, cancelling, the end. The same for both.
local crun = require "crun"
local both = require "spec.support.executors".both
local process = require "spec.support.process"
local support = require "spec.support"
local raised = support.raised
local assert, describe = assert, describe
local _ENV = support.globals -- luacheck: ignore 211

--- Says that it has begun, and waits for ever.
local function hang(queue)
  queue:put "begun"
  crun.sleep(1000)
end

--- The same, computing.
local function compute(queue)
  queue:put "begun"
  while true do queue = queue end
end

--- Waits until it may go on.
local function hold(queue, gate, ...)
  queue:put "begun"
  gate:wait()
  return ...
end

describe("a pool of workers", function()
  both("runs jobs and gives back all they return", function(Pool)
    local pool <close> = Pool(2)
    assert.same({ 3, nil, "x", n = 3 }, table.pack(pool:submit(function(a, b)
      return a + b, nil, "x"
    end, 1, 2):get()))
    assert.equal(7, pool:apply(math.max, { 1, 7, 3 }))
    assert.equal(0, select("#", pool:apply(function() end)))
    assert.same({ n = 2 }, pool:apply(table.pack, { n = 2 }))
    assert.equal(0, #pool)
  end)

  both("runs them in workers and not here, several at once", function(Pool, name)
    local pool <close> = Pool(3)
    local begun, gate = crun.Queue(), crun.Event()
    local futures = {}
    for i = 1, 3 do
      futures[i] = pool:submit(function(queue, go)
        queue:put(crun.getpid())
        go:wait()
        return i
      end, begun, gate)
    end
    local pids = {}
    for _ = 1, 3 do pids[begun:get()] = true end
    gate:set()
    assert.same({ 1, 2, 3 }, crun.gather(futures))
    local count, own = 0, pids[crun.getpid()]
    for _ in pairs(pids) do count = count + 1 end
    assert.equal(name == "ProcessPool" and 3 or 1, count)
    assert.equal(name == "ThreadPool" or nil, own)
  end)

  both("takes arguments down when it is called", function(Pool)
    local pool <close> = Pool(1)
    local list, queue = { 1, { 2 } }, crun.Queue()
    local future = pool:submit(function(values, q)
      q:put(values[2][1])
      return values[1]
    end, list, queue)
    list[1], list[2][1] = "changed", "changed"
    assert.equal(1, future:get())
    assert.equal(2, queue:get())
  end)

  both("names what cannot be sent, at the caller's line", function(Pool)
    local pool <close> = Pool(1)
    local file = io.stdout
    local function other() return 1 end
    local thread = coroutine.create(other)
    support.refuses({ "args[1].a.b: thread cannot be sent" },
      function() pool:submit(other, { a = { b = thread } }) end)
    support.refuses({ "upvalue 'thread' (thread) of function at" },
      function() pool:map(function() return thread end, { 1 }) end)
    support.refuses({ "args[2]: thread cannot be sent" },
      function() pool:apply_async(print, { file, thread }) end)
    support.refuses({ "initargs[1]: thread" }, function()
      Pool(1, { initializer = print, initargs = { thread } })
    end)
    for _, name in ipairs { "submit", "apply", "apply_async", "map", "starmap", "imap" } do
      support.refuses({ ("bad argument #1 to '%s'"):format(name) }, function()
        pool[name](pool, 1)
      end)
    end
    for _, name in ipairs { "map", "starmap", "imap", "imap_unordered" } do
      support.refuses({ ("bad argument #2 to '%s'"):format(name) }, function()
        pool[name](pool, print)
      end)
    end
    support.refuses({ "starmap", "item 1", "list of arguments", "number" }, function()
      pool:starmap(math.abs, { 1, 2 })
    end)
    support.refuses({ "pool of workers" }, function() pool:submit(print, pool) end)
    assert.equal("args[1].x: thread cannot be sent",
      raised(pool.map, pool, math.abs, { 1, { x = thread } }))
    assert.matches("^results%[2%]%[1%]: thread cannot be sent", raised(pool.apply, pool, function()
      return 1, { coroutine.create(print) }
    end))
  end)

  both("raises a job's error as it was, with the worker's traceback", function(Pool)
    local pool <close> = Pool(1)
    local function deep() error({ code = 42 }) end
    local future = pool:submit(function() deep() end)
    assert.same({ code = 42 }, raised(future.get, future))
    assert.matches("in upvalue 'deep'", future:traceback())
    assert.equal("job 7", raised(pool.apply, pool, error, { "job 7", 0 }))
    assert.matches("spec/executor_spec.lua:%d+: oops$", raised(pool.apply, pool, function()
      error "oops"
    end))
    assert.matches("not an object of crun", raised(pool.apply, pool, function()
      error(setmetatable({ thread = coroutine.create(print) }, {
        __tostring = function() return "not an object of crun" end,
      }))
    end))
  end)

  both("calls back with the results, or with the error", function(Pool)
    local pool <close> = Pool(1)
    local got = crun.Queue()
    local function note(...) got:put(table.pack(...)) end
    local function failed(err) got:put("error " .. err) end
    pool:apply_async(math.max, { 1, 9 }, note, failed)
    pool:apply_async(error, { "bad", 0 }, note, failed)
    assert.same({ 9, n = 1 }, got:get())
    assert.equal("error bad", got:get())
    local future = pool:apply_async(error, { "seen", 0 }, note)
    assert.equal("seen", raised(future.get, future))
    assert.equal(0, got:qsize())
  end)

  both("calls the initializer once in each worker", function(Pool)
    local pool <close> = Pool(1, {
      initializer = function(start) rawset(_G, "counter", start) end, initargs = { 40 },
    })
    local function count()
      rawset(_G, "counter", rawget(_G, "counter") + 1)
      return rawget(_G, "counter")
    end
    assert.equal(41, pool:apply(count))
    assert.equal(42, pool:apply(count))
    assert.is_nil(rawget(_G, "counter"))
  end)

  both("fails when the initializer fails, and says why", function(Pool, name)
    local pool = Pool(2, { initializer = function() error("no database", 0) end })
    local futures = { pool:submit(print), pool:submit(print) }
    for _, future in ipairs(futures) do
      assert.equal(("the workers of the %s cannot start: no database"):format(name),
        raised(future.get, future))
    end
    support.refuses({ "cannot start: no database" }, function() pool:submit(print) end)
    assert.matches(", broken$", tostring(pool))
    pool:join()
  end)

  both("replaces a worker that has done so many jobs", function(Pool)
    local pool <close> = Pool(1, {
      max_jobs_per_worker = 2, initializer = function() rawset(_G, "done", 0) end,
    })
    assert.same({ 1, 2, 1, 2, 1 }, pool:map(function()
      rawset(_G, "done", rawget(_G, "done") + 1)
      return rawget(_G, "done")
    end, { 1, 2, 3, 4, 5 }))
  end)

  both("lets no job wait behind a long one while a worker is idle", function(Pool)
    local pool <close> = Pool(2)
    local begun, gate, futures = crun.Queue(), crun.Event(), {}
    local first = pool:submit(hold, begun, gate, "first")
    for i = 1, 60 do futures[i] = pool:submit(math.abs, -i) end
    begun:get()
    for i = 1, 60 do assert.equal(i, futures[i]:get()) end
    assert.equal("pending", first:status())
    assert.equal(1, #pool)
    gate:set()
    assert.equal("first", first:get())
  end)

  both("starts workers when jobs need them, and no more", function(Pool)
    local pool <close> = Pool(3)
    assert.matches("0 of 3 workers", tostring(pool))
    for i = 1, 3 do assert.equal(i, pool:apply(math.abs, { -i })) end
    assert.matches("1 of 3 workers", tostring(pool))
    local begun, gate, futures = crun.Queue(), crun.Event(), {}
    for i = 1, 5 do futures[i] = pool:submit(hold, begun, gate) end
    for _ = 1, 3 do begun:get() end
    assert.equal(0, begun:qsize())
    assert.matches("3 of 3 workers, 5 jobs", tostring(pool))
    gate:set()
    crun.joinall(futures)
  end)

  both("does not end the program before jobs that nobody waits for", function(_, name)
    local result = process.run(([[
      local crun = require "crun"
      local queue = crun.Queue()
      crun.%s(1):submit(function(q) crun.sleep(0.01) q:put "done" end, queue)
      crun.spawn(function() print(queue:get()) end)
      crun.%s(1):apply(math.abs, { -1 })
    ]]):format(name, name))
    assert.equal("", result.err)
    assert.equal("done\n", result.out)
    assert.equal(0, result.status)
  end)

  both("takes crun's objects by reference", function(Pool)
    local pool <close> = Pool(2)
    local queue, lock = crun.Queue(), crun.Lock()
    local total = pool:submit(function(q, l)
      local _ <close> = l:hold()
      for i = 1, 3 do q:put(i) end
      return q:qsize()
    end, queue, lock):get()
    assert.equal(3, total)
    assert.equal(1, queue:get())
    assert.is_false(lock:locked())
  end)
end)

describe("a job that is cancelled", function()
  both("never begins if it has not, and says so at once", function(Pool)
    local pool <close> = Pool(1)
    local begun, gate, never = crun.Queue(), crun.Event(), crun.Queue()
    local first = pool:submit(hold, begun, gate, "first")
    begun:get()
    local later = {}
    for i = 1, 40 do later[i] = pool:submit(function(queue) queue:put(i) end, never) end
    for i = 1, 40 do
      assert.is_true(later[i]:cancel "changed my mind")
      assert.is_true(later[i]:cancelled())
    end
    assert.equal("changed my mind", later[3]:exception().reason)
    gate:set()
    assert.equal("first", first:get())
    pool:apply(math.abs, { 1 })
    assert.equal(0, never:qsize())
  end)

  both("is cancelled where it waits, once it has unwound", function(Pool)
    local pool <close> = Pool(1)
    local queue = crun.Queue()
    local future = pool:submit(function(q)
      local _ <close> = setmetatable({}, { __close = function() q:put "closed" end })
      q:put "begun"
      crun.sleep(1000)
    end, queue)
    queue:get()
    assert.is_true(future:cancel "enough")
    assert.equal("pending", future:status())
    future:join()
    assert.equal("closed", queue:get(0))
    assert.is_true(future:cancelled())
    assert.equal("enough", future:exception().reason)
    assert.equal(3, pool:apply(math.abs, { -3 }))
  end)

  both("is ended with its worker where it computes #nosan", function(Pool)
    local pool <close> = Pool(1, { grace = 0.05 })
    local queue = crun.Queue()
    local future = pool:submit(compute, queue)
    queue:get()
    future:cancel "enough"
    future:join()
    assert.is_true(future:cancelled())
    assert.equal("enough", future:exception().reason)
    assert.equal(3, pool:apply(math.abs, { -3 }))
  end)

  both("and ignores it returns what it returns", function(Pool)
    local pool <close> = Pool(1)
    local queue = crun.Queue()
    local future = pool:submit(function(q)
      q:put "begun"
      pcall(crun.sleep, 1000)
      return "all the same"
    end, queue)
    queue:get()
    future:cancel()
    assert.equal("all the same", future:get())
  end)

  both("is that of apply when its caller is", function(Pool)
    local pool <close> = Pool(1)
    local queue = crun.Queue()
    local task = crun.spawn(pool.apply, pool, hang, { queue })
    queue:get()
    task:cancel()
    task:join()
    assert.equal(0, #pool)
  end)
end)

describe("the end of a pool", function()
  both("is refused jobs", function(Pool)
    local pool = Pool(1)
    local future = pool:submit(math.abs, -1)
    pool:close()
    support.refuses({ "Pool not running" }, function() pool:submit(print) end)
    support.refuses({ "Pool not running" }, function() pool:apply(print) end)
    support.refuses({ "Pool not running" }, function() pool:map(print, { 1 }) end)
    support.refuses({ "Pool not running" }, function() pool:imap(print, { 1 }) end)
    assert.equal(1, future:get())
    assert.is_true(pool:join())
    pool:close()
    assert.is_true(pool:join(0))
  end)

  both("must have begun before it is waited for", function(Pool)
    local pool <close> = Pool(1)
    support.refuses({ "join of a pool that is not closed" }, function() pool:join() end)
  end)

  both("waits for the jobs, those in line among them", function(Pool)
    local begun, gate, futures = crun.Queue(), crun.Event(), {}
    local pool = Pool(1)
    for i = 1, 3 do futures[i] = pool:submit(hold, begun, gate, i) end
    begun:get()
    pool:close()
    assert.equal("ETIMEDOUT", select(3, pool:join(0)))
    gate:set()
    assert.is_true(pool:join())
    for i = 1, 3 do assert.equal(i, futures[i]:result()) end
  end)

  both("waits for nothing when it is terminated #nosan", function(Pool)
    local queue, pool = crun.Queue(), Pool(2, { grace = 0.05 })
    local futures = { pool:submit(hang, queue), pool:submit(compute, queue) }
    queue:get()
    queue:get()
    futures[3] = pool:submit(math.abs, -1)
    pool:terminate "no more"
    for _, future in ipairs(futures) do
      assert.is_true(future:cancelled())
      assert.equal("no more", future:exception().reason)
    end
    assert.is_true(pool:join())
  end)

  both("by shutdown can drop what has not begun, and need not wait", function(Pool)
    local begun, gate, pool = crun.Queue(), crun.Event(), Pool(1)
    local first, second = pool:submit(hold, begun, gate, 1), pool:submit(hold, begun, gate, 2)
    begun:get()
    pool:shutdown { wait = false, cancel_futures = true }
    assert.equal("pending", first:status())
    assert.equal("cancelled", second:status())
    gate:set()
    pool:shutdown()
    assert.equal(1, first:result())
  end)

  both("by the scope waits, or terminates after an error", function(Pool)
    local queue, futures, second = crun.Queue(), {}, nil
    do
      local pool <close> = Pool(1)
      futures[1] = pool:submit(math.abs, -5)
    end
    assert.equal(5, futures[1]:result())
    assert.equal("left", raised(function()
      local pool <close> = Pool(1, { grace = 0.05 })
      second = pool:submit(hang, queue)
      queue:get()
      error("left", 0)
    end))
    assert.is_true(second:cancelled())
  end)

  both("comes by itself when nobody holds it any more", function(Pool)
    local pool = Pool(1)
    local future = pool:submit(math.abs, -5)
    local tasks = crun.tasks()
    pool = nil
    collectgarbage()
    collectgarbage()
    assert.equal(5, future:get())
    for _, task in ipairs(tasks) do
      if task.name:find "^worker 1 of a" then task:join() end
    end
    assert.is_nil(pool)
  end)

  both("refuses arguments that mean nothing", function(Pool, name)
    local pool <close> = Pool(1)
    local function refuses(place, method, fn)
      support.refuses({ ("#%d to '%s' (nothing expected there, got"):format(place, method) }, fn)
    end
    refuses(3, name, function() Pool(1, {}, print) end)
    refuses(3, "apply", function() pool:apply(print, {}, { key = 1 }) end)
    refuses(5, "apply_async", function() pool:apply_async(print, {}, nil, nil, 1) end)
    refuses(4, "starmap", function() pool:starmap(print, {}, {}, 1) end)
    for _, method in ipairs { "map", "imap", "imap_unordered" } do
      refuses(4, method, function() pool[method](pool, print, {}, {}, 1) end)
      refuses(7, method, function() pool[method](pool, print, next, {}, nil, nil, {}, 1) end)
    end
    assert.same({}, pool:map(print, {}, nil, nil))
  end)

  both("refuses options that it does not know, and bad ones", function(Pool, name)
    support.refuses({ "bad argument #1 to '" .. name, "got 0" }, function() Pool(0) end)
    support.refuses({ "unknown option 'window'" }, function() Pool(1, { window = 1 }) end)
    support.refuses({ "option 'retries'", "got -1" }, function() Pool(1, { retries = -1 }) end)
    support.refuses({ "option 'initializer'" }, function() Pool(1, { initializer = 1 }) end)
    local pool <close> = Pool()
    assert.matches("^crun." .. name .. ": 0 of " .. crun.cpu_count() .. " workers, 0 jobs$",
      tostring(pool))
    support.refuses({ "unknown option 'max'" }, function() pool:map(print, {}, { max = 1 }) end)
    support.refuses({ "option 'chunk'" }, function() pool:imap(print, {}, { chunk = 0 }) end)
    support.refuses({ "unknown option 'now'" }, function() pool:shutdown { now = true } end)
  end)
end)

describe("a job with a descriptor", function()
  both("gets it, or fails by itself when it is closed before", function(Pool)
    local pool <close> = Pool(1)
    local one, other = crun.Pipe()
    assert.equal("sent", pool:apply(function(conn)
      conn:send "hello"
      conn:close()
      return "sent"
    end, { other }))
    assert.equal("hello", one:recv())
    other:close()
    local begun, gate = crun.Queue(), crun.Event()
    local first = pool:submit(hold, begun, gate, 1)
    begun:get()
    one:close()
    assert.matches("Connection cannot be sent",
      raised(pool.submit, pool, function(conn) return conn end, one))
    gate:set()
    assert.equal(1, first:get())
  end)
end)
