-- SPDX-License-Identifier: MIT

-- What PriorityQueue has in common with Queue is in laws_queue_spec.lua and queue_spec.lua; here is
-- its order, and what becomes of comparisons that fail, wait, or use the queue.
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"
local both = support.both

local function drain(queue)
  local list = {}
  while not queue:empty() do list[#list + 1] = (queue:get_nowait()) end
  return list
end

local function put_all(queue, ...)
  for _, item in ipairs { ... } do queue:put(item) end
end

local function by_first(a, b) return a[1] < b[1] end

describe("PriorityQueue, order:", function()
  both("the smallest item comes out first", function()
    local queue = crun.PriorityQueue()
    put_all(queue, 5, 1, 4, 1.5, 3, -2, 2 ^ 53, math.maxinteger)
    assert.same({ -2, 1, 1.5, 3, 4, 5, 2 ^ 53, math.maxinteger }, drain(queue))
    put_all(queue, "pear", "apple", "fig")
    assert.same({ "apple", "fig", "pear" }, drain(queue))
  end)

  both("items that know their own order need no function", function()
    local meta = { __lt = by_first }
    local queue = crun.PriorityQueue()
    for _, n in ipairs { 3, 1, 2 } do queue:put(setmetatable({ n }, meta)) end
    assert.same({ { 1 }, { 2 }, { 3 } }, drain(queue))
  end)

  both("`less` says what comes first; it may be anything that can be called", function()
    local callable = setmetatable({}, { __call = function(_, a, b) return a > b end })
    for _, less in ipairs { function(a, b) return a > b end, callable } do
      local queue = crun.PriorityQueue(less)
      put_all(queue, 2, 3, 1)
      assert.same({ 3, 2, 1 }, drain(queue))
    end
  end)

  both("equal items come out as they went in", function()
    local queue, generator = crun.PriorityQueue(by_first), random.new(7)
    for i = 1, support.scaled(1000, 50) do queue:put { generator(10), i } end
    local last = { 0, 0 }
    for _, item in ipairs(drain(queue)) do
      assert.is_true(last[1] < item[1] or last[1] == item[1] and last[2] < item[2])
      last = item
    end
  end)

  both("it is kept while items come and go", function()
    local queue, generator, model = crun.PriorityQueue(), random.new(3), {}
    for _ = 1, support.scaled(1000, 100) do
      if generator(3) > 1 or #model == 0 then
        local n = generator(50)
        queue:put(n)
        table.insert(model, n)
        table.sort(model)
      else
        assert.equal(table.remove(model, 1), queue:get())
      end
    end
    assert.same(model, drain(queue))
  end)

  it("only puts compare, and not more often than a tree is deep", function()
    local compared, count = 0, 1000
    local queue = crun.PriorityQueue(function(a, b)
      compared = compared + 1
      return a < b
    end)
    for i = 1, count do queue:put(i) end
    assert.is_true(compared < count * 25, compared .. " comparisons")
    compared = 0
    for i = 1, count do assert.equal(i, queue:get()) end
    assert.equal(0, compared)
  end)

  both("who waits to put enters by rank, too, in the order they came among equals", function()
    local queue = crun.PriorityQueue(by_first, 2)
    queue:put { 5, "a" }
    queue:put { 5, "b" }
    local tasks = {}
    for i, item in ipairs { { 5, "c" }, { 1, "d" }, { 5, "e" } } do
      tasks[i] = crun.spawn(queue.put, queue, item)
    end
    crun.yield()
    local out = {}
    for i = 1, 5 do
      out[i] = queue:get()[2]
      support.settle()
    end
    assert.equal("abdce", table.concat(out))
    crun.joinall(tasks)
  end)
end)

describe("PriorityQueue, its making:", function()
  it("takes a function, a maxsize, both or none", function()
    local function less() end
    assert.equal(0, crun.PriorityQueue():maxsize())
    assert.equal(0, crun.PriorityQueue(less):maxsize())
    assert.equal(3, crun.PriorityQueue(3):maxsize())
    assert.equal(4, crun.PriorityQueue(less, 4):maxsize())
    assert.equal(5, crun.PriorityQueue(nil, 5):maxsize())
  end)

  it("refuses what is neither", function()
    support.refuses({ "bad argument #1" }, function() crun.PriorityQueue("x") end)
    support.refuses({ "bad argument #1" }, function() crun.PriorityQueue({}) end)
    support.refuses({ "bad argument #1" }, function() crun.PriorityQueue(-1) end)
    support.refuses({ "bad argument #1" }, function() crun.PriorityQueue(3, print) end)
    support.refuses({ "bad argument #2" }, function() crun.PriorityQueue(print, -1) end)
    support.refuses({ "bad argument #2" }, function() crun.PriorityQueue(print, "x") end)
  end)
end)

describe("PriorityQueue, comparisons that fail:", function()
  it("what cannot be compared is refused at the caller's place and is not inside", function()
    local queue = crun.PriorityQueue()
    queue:put(1)
    support.refuses({ "attempt to compare", "table", "number" }, function() queue:put({}) end)
    support.refuses({ "attempt to compare" }, function() queue:put_nowait("x") end)
    support.refuses({ "attempt to compare", "nil" }, function() queue:put(nil) end)
    queue:put(0)
    assert.same({ 0, 1 }, drain(queue))
  end)

  both("an error of `less` is the put's, the same object, and nothing has changed", function()
    local oops, fail = {}, false
    local queue = crun.PriorityQueue(function(a, b)
      if fail then error(oops) end
      return a < b
    end, 3)
    put_all(queue, 2, 1)
    for _ = 1, 3 do
      fail = true
      assert.equal(oops, support.raised(queue.put, queue, 5))
      assert.equal(oops, support.raised(queue.put_nowait, queue, {}))
      fail = false
      assert.same({ 2, false }, { #queue, queue:full() })
    end
    queue:put(0)
    assert.is_true(queue:full())
    assert.same({ 0, 1, 2 }, drain(queue))
    for _ = 1, 3 do queue:task_done() end
    assert.is_true(queue:join(0))
  end)

  both("an error that ends a coroutine leaves nothing behind either", function()
    local queue = crun.PriorityQueue(2)
    queue:put(1)
    local in_it = coroutine.create(function() queue:put({}) end)
    local _, err = coroutine.resume(in_it)
    local line = debug.getinfo(1, "l").currentline - 2
    assert.matches("spec.lua:" .. line .. ": attempt to compare table with number", err)
    assert.same({ 1, false }, { #queue, queue:full() })
    queue:put(0)
    assert.same({ 0, 1 }, drain(queue))
  end)

  both("error(nil) in `less` counts, too", function()
    local queue = crun.PriorityQueue(function() error(nil) end, 2)
    queue:put(1)
    assert.is_false(pcall(queue.put, queue, 2))
    assert.same({ 1, false }, { #queue, queue:full() })
    assert.same({ 1 }, drain(queue))
  end)

  both("a put that waited fails in its own task; its place goes to the next", function()
    local queue = crun.PriorityQueue(1)
    queue:put(1)
    local bad, good = crun.spawn(queue.put, queue, {}), crun.spawn(queue.put, queue, 2)
    local filler = crun.spawn(queue.put, queue, "x")
    crun.yield()
    assert.equal(1, queue:get())
    support.settle()
    -- {} went into the empty queue: what cannot be compared with it fails now.
    assert.equal("table", type(queue:get()))
    support.settle()
    assert.is_true(bad:get())
    assert.equal(2, queue:get())
    support.settle()
    assert.is_true(good:get())
    assert.is_true(filler:get())
    assert.same({ "x" }, drain(queue))
  end)

  both("the failure of a put that waited lets the next one in", function()
    local queue = crun.PriorityQueue(2)
    put_all(queue, 1, 2)
    local bad, good = crun.spawn(queue.put, queue, {}), crun.spawn(queue.put, queue, 3)
    crun.yield()
    assert.equal(1, queue:get())
    assert.matches("attempt to compare", support.raised(bad.get, bad))
    assert.is_true(good:get())
    assert.same({ 2, 3 }, drain(queue))
    for _ = 1, 3 do queue:task_done() end
    support.refuses({ "task_done" }, function() queue:task_done() end)
  end)

  both("a yield to a coroutine's own resumer cannot leave `less`", function()
    local queue = crun.PriorityQueue(function() coroutine.yield() end, 2)
    queue:put(1)
    local ok, err = coroutine.resume(coroutine.create(function() queue:put(2) end))
    assert.is_false(ok)
    assert.matches("yield", err)
    assert.same({ 1, false }, { #queue, queue:full() })
  end)

  it("the report of a failed task shows where in `less` it was", function()
    local failures = support.collect_failures()
    local queue = crun.PriorityQueue(function(a, b) return a.rank < b.rank end)
    queue:put { rank = 1 }
    crun.spawn(function() queue:put { rank = {} } end):join()
    crun.spawn(function() queue:put { rank = {} } end)
    crun.sleep(0.001)
    assert.equal(1, #failures)
    local line = debug.getinfo(1, "l").currentline - 6
    assert.matches("priority_queue_spec.lua:" .. line, failures[1].traceback)
  end)

  both("items whose put failed are let go, as are those taken", function()
    local weak = setmetatable({}, { __mode = "v" })
    local fail = false
    local queue = crun.PriorityQueue(function(a, b)
      if fail then error("fails", 0) end
      return a[1] < b[1]
    end)
    for i = 1, 10 do
      fail = i % 2 == 0
      local item = { i }
      weak[i] = item
      pcall(queue.put, queue, item)
    end
    for _ = 1, 5 do queue:get() end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("PriorityQueue, comparisons that wait:", function()
  local function slow(seconds)
    return function(a, b)
      crun.sleep(seconds)
      return a < b
    end
  end

  both("others put and get meanwhile, and the order is kept", function()
    local generator = random.new(11)
    local queue = crun.PriorityQueue(function(a, b)
      crun.sleep(generator(5))
      return a[1] < b[1] or a[1] == b[1] and a[2] < b[2]
    end)
    local putters, taken, count = {}, {}, support.scaled(120, 20)
    for i = 1, count do
      putters[i] = crun.spawn(function()
        crun.sleep(generator(100))
        queue:put { generator(10), i }
      end)
    end
    local getter = crun.spawn(function()
      for _ = 1, count // 3 do
        crun.sleep(generator(6))
        taken[#taken + 1] = queue:get()[2]
      end
    end)
    putters[#putters + 1] = getter
    assert.is_true(crun.joinall(putters))
    local rest = drain(queue)
    assert.equal(count, #taken + #rest)
    for i = 2, #rest do
      local a, b = rest[i - 1], rest[i]
      assert.is_true(a[1] < b[1] or a[1] == b[1] and a[2] < b[2])
    end
  end)

  both("equal items keep the order in which their puts got places", function()
    local first = true
    local queue = crun.PriorityQueue(function(a, b)
      if first then
        first = false
        crun.sleep(10)
      end
      return a[1] < b[1]
    end)
    queue:put { 5, "a" }
    local task = crun.spawn(queue.put, queue, { 5, "b" })
    crun.sleep(1)
    queue:put { 5, "c" }
    queue:put { 4, "d" }
    task:join()
    local out = {}
    for i, item in ipairs(drain(queue)) do out[i] = item[2] end
    assert.equal("dabc", table.concat(out))
  end)

  both("the place is taken meanwhile, the item is not inside", function()
    local queue = crun.PriorityQueue(slow(1), 2)
    queue:put(1)
    local task = crun.spawn(queue.put, queue, 2)
    crun.yield()
    assert.same({ 1, true, false }, { #queue, queue:full(), queue:empty() })
    assert.equal("EAGAIN", select(3, queue:put_nowait(3)))
    assert.equal(1, queue:get())
    assert.is_true(queue:empty())
    local got = queue:get()
    assert.equal(2, got)
    assert.is_true(task:get())
  end)

  both("a cancel ends the put there; its place goes to who waits for one", function()
    local queue = crun.PriorityQueue(slow(5), 2)
    queue:put(1)
    local first = crun.spawn(queue.put, queue, 2)
    crun.yield()
    local second = crun.spawn(queue.put, queue, 3)
    crun.yield()
    first:cancel()
    assert.is_true(second:get())
    assert.is_true(first:cancelled())
    assert.same({ 1, 3 }, drain(queue))
    queue:task_done()
    queue:task_done()
    support.refuses({ "task_done" }, function() queue:task_done() end)
  end)

  both("a put that was cancelled after it got its place is inside", function()
    local queue = crun.PriorityQueue(1)
    queue:put(1)
    local task = crun.spawn(queue.put, queue, 2)
    crun.yield()
    assert.equal(1, queue:get())
    task:cancel()
    support.settle()
    assert.is_true(task:get())
    assert.equal(2, queue:get(0))
  end)

  both("a close meanwhile is the put's ECLOSED", function()
    local queue = crun.PriorityQueue(slow(5))
    queue:put(1)
    local task = crun.spawn(function() return select(3, queue:put(2)) end)
    crun.yield()
    queue:close()
    assert.equal("ECLOSED", task:get())
    assert.same({ 1 }, drain(queue))
    assert.equal("ECLOSED", select(3, queue:get()))
    queue:task_done()
    assert.is_true(queue:join(0))
  end)

  both("join counts the item from when its put has got a place", function()
    local queue = crun.PriorityQueue(slow(5))
    queue:put(1)
    local task = crun.spawn(queue.put, queue, 2)
    crun.yield()
    queue:get()
    queue:task_done()
    local start = crun.now()
    assert.equal("ETIMEDOUT", select(3, queue:join(1)))
    task:join()
    queue:get()
    queue:task_done()
    assert.is_true(queue:join())
    support.took(start, 5)
  end)

  both("who waits for an item gets the first that is ready", function()
    local queue = crun.PriorityQueue(slow(5))
    queue:put(9)
    local late = crun.spawn(queue.put, queue, 1)
    crun.yield()
    assert.equal(9, queue:get())
    local getter = crun.spawn(queue.get, queue)
    crun.yield()
    queue:put(5)
    assert.equal(5, getter:get())
    late:join()
    assert.equal(1, queue:get(0))
  end)
end)

describe("PriorityQueue, comparisons that use the queue:", function()
  both("a put inside of a put", function()
    local queue, inner = nil, 0
    queue = crun.PriorityQueue(function(a, b)
      if inner < 3 then
        inner = inner + 1
        queue:put(inner * 10)
      end
      return a < b
    end)
    put_all(queue, 15, 5)
    assert.same({ 5, 10, 15, 20, 30 }, drain(queue))
  end)

  both("a put inside that fails gives up its own item only", function()
    local queue, depth = nil, 0
    queue = crun.PriorityQueue(function(a, b)
      if depth == 1 then error("inner", 0) end
      depth = depth + 1
      local ok, err = pcall(queue.put, queue, 7)
      depth = depth - 1
      assert.same({ false, "inner" }, { ok, err })
      return a < b
    end, 4)
    put_all(queue, 3, 1, 2)
    assert.same({ 3, false }, { #queue, queue:full() })
    assert.same({ 1, 2, 3 }, drain(queue))
  end)

  both("a get inside takes what is being compared", function()
    local queue, got = nil, {}
    queue = crun.PriorityQueue(function(a, b)
      if not queue:empty() then got[#got + 1] = queue:get() end
      return a < b
    end)
    put_all(queue, 2, 1, 3)
    assert.same({ 2, 1 }, got)
    assert.same({ 3 }, drain(queue))
  end)

  both("a close inside", function()
    local queue
    queue = crun.PriorityQueue(function(a, b)
      queue:close(true)
      return a < b
    end)
    queue:put(1)
    assert.equal("ECLOSED", select(3, queue:put(2)))
    assert.equal(0, #queue)
  end)
end)

describe("PriorityQueue in select:", function()
  both("a put that waits keeps its turn, its error comes out of select", function()
    local queue = crun.PriorityQueue(2)
    put_all(queue, 1, 2)
    local bad = crun.spawn(crun.select, { { queue, "put", {} }, { crun.Queue(), "get" } })
    local good = crun.spawn(crun.select, { { crun.Queue(), "get" }, { queue, "put", 0 } })
    crun.yield()
    assert.equal(1, queue:get())
    assert.matches("attempt to compare", support.raised(bad.get, bad))
    assert.same({ 2, true }, { good:get() })
    assert.same({ 0, 2 }, drain(queue))
    for _ = 1, 3 do queue:task_done() end
    support.refuses({ "task_done" }, function() queue:task_done() end)
  end)

  both("a case that is ready is done at once", function()
    local queue = crun.PriorityQueue(by_first, 2)
    local a, b = { 2 }, { 1 }
    assert.same({ 1, true }, { crun.select { { queue, "put", a } } })
    assert.same({ 1, true }, { crun.select { { queue, "put", b } } })
    assert.equal("ETIMEDOUT", select(3, crun.select { { queue, "put", {} }, timeout = 0 }))
    assert.equal(b, select(2, crun.select { { queue, "get" } }))
    assert.equal(a, select(2, crun.select { { queue, "get" } }))
  end)
end)
