-- SPDX-License-Identifier: MIT

--- map, starmap, imap and imap_unordered over threads and processes, and crun.map.
local crun = require "crun"
local both = require "spec.support.executors".both
local support = require "spec.support"
local raised = support.raised
local assert, describe, it = assert, describe, it
local _ENV = support.globals -- luacheck: ignore 211

local function square(n) return n * n end

local function upto(n, seen)
  local i = 0
  return function()
    if i == n then return nil end
    i = i + 1
    if seen then seen.read = i end
    return i, -i
  end
end

local function collect(...)
  local list = {}
  for value in ... do list[#list + 1] = value end
  return list
end

local function sorted(list)
  table.sort(list)
  return list
end

local function range(n)
  return collect(upto(n))
end

local SQUARES = { 1, 4, 9, 16, 25, 36, 49 }

describe("maps over workers", function()
  both("keep the order of their inputs, in chunks too", function(Pool)
    local pool <close> = Pool(2)
    for chunk = 1, 8 do
      local options = { chunk = chunk }
      assert.same(SQUARES, pool:map(square, range(7), options))
      assert.same(SQUARES, pool:map(square, upto(7), nil, nil, nil, options))
      assert.same(SQUARES, collect(pool:imap(square, range(7), options)))
      assert.same(SQUARES, collect(pool:imap(square, upto(7), nil, nil, nil, options)))
      assert.same(SQUARES, sorted(collect(pool:imap_unordered(square, range(7), options))))
    end
    for limit = 1, 3 do
      assert.same(SQUARES, collect(pool:imap(square, range(7), { limit = limit })))
      assert.same(SQUARES, pool:map(square, upto(7), nil, nil, nil, { limit = limit }))
    end
  end)

  both("give the unordered form what is done first", function(Pool)
    local pool <close> = Pool(2)
    local gate = crun.Event()
    local list = {}
    for value in pool:imap_unordered(function(n)
      if n == 1 then gate:wait() end
      return n
    end, { 1, 2, 3, 4 }) do
      list[#list + 1] = value
      if #list == 3 then gate:set() end
    end
    assert.equal(1, table.remove(list))
    assert.same({ 2, 3, 4 }, sorted(list))
  end)

  both("pass on all values of a step, and all results", function(Pool)
    local pool <close> = Pool(2)
    for chunk = 1, 3 do
      local list = {}
      for a, b, c in pool:imap(function(x, y) return x + y, y, nil end, upto(4), nil, nil, nil,
        { chunk = chunk }) do
        list[#list + 1] = { a, b, c }
      end
      assert.same({ { 0, -1 }, { 0, -2 }, { 0, -3 }, { 0, -4 } }, list)
    end
    assert.same({ 5, 7 }, pool:starmap(math.max, { { 1, 5, 2 }, { 7, 3 } }))
    assert.same({ 3, 0 }, pool:starmap(select, { { "#", 1, nil, 2, n = 4 }, { "#" } }))
  end)

  both("of nothing give nothing", function(Pool)
    local pool <close> = Pool(2)
    assert.same({}, pool:map(square, {}))
    assert.same({}, pool:map(square, function() end))
    assert.same({}, collect(pool:imap(square, {})))
    assert.same({}, collect(pool:imap_unordered(square, function() end)))
  end)

  both("take false and big values, and tables as they are then", function(Pool)
    local pool <close> = Pool(2)
    assert.same({ true, false }, pool:map(function(x) return not x end, { false, true }))
    local big = ("x"):rep(support.scaled(3000000, 100000))
    local sizes = collect(pool:imap(function(s) return #s end, { big, big, big, big .. "y" }))
    assert.same({ #big, #big, #big, #big + 1 }, sizes)
    local one = { n = 0 }
    local list = pool:map(function(t) return t.n end, function()
      one.n = one.n + 1
      return one.n <= 5 and one or nil
    end)
    assert.same({ 1, 2, 3, 4, 5 }, list)
  end)

  both("raise the first error out of map, once the others have ended", function(Pool)
    local pool <close> = Pool(2)
    for chunk = 1, 4 do
      local done = crun.Queue()
      assert.equal("no 2", raised(pool.map, pool, function(n)
        if n == 2 or n == 3 then error("no " .. n, 0) end
        done:put(n)
      end, { 1, 2, 3, 4, 5 }, { chunk = chunk }))
      assert.equal(3, done:qsize())
    end
  end)

  both("raise an error out of imap at its place, and go on", function(Pool)
    local pool <close> = Pool(2)
    for chunk = 1, 3 do
      local step <const>, _, _, closing = pool:imap(function(n)
        if n == 2 then error("no", 0) end
        return n
      end, { 1, 2, 3 }, { chunk = chunk })
      local _ <close> = closing
      assert.equal(1, step())
      assert.equal("no", raised(step))
      assert.equal(3, step())
      assert.is_nil(step())
      assert.is_nil(step())
    end
    assert.matches("returned nil, which would end a for loop",
      raised(pool:imap(function() end, { 1 })))
  end)

  both("raise the error of their input at its end", function(Pool)
    local pool <close> = Pool(2)
    local function inputs(_, n)
      n = (n or 0) + 1
      if n == 3 then error("input 3", 0) end
      return n
    end
    assert.equal("input 3", raised(pool.map, pool, square, inputs))
    local step <const>, _, _, closing = pool:imap(square, inputs)
    local _ <close> = closing
    assert.equal(1, step())
    assert.equal(4, step())
    assert.equal("input 3", raised(step))
    assert.is_nil(step())
  end)

  both("never read further ahead than the limit", function(Pool)
    local pool <close> = Pool(2)
    local seen, got = { read = 0 }, 0
    for value in pool:imap(square, upto(math.huge, seen), nil, nil, nil, { limit = 10 }) do
      got = got + 1
      assert.equal(got * got, value)
      assert.is_true(seen.read <= got + 10)
      if got == 100 then break end
    end
    assert.is_true(seen.read <= 110)
  end)

  both("let an input wait without holding up what is there", function(Pool)
    local pool <close> = Pool(2)
    local queue = crun.Queue()
    queue:put(3)
    local step <const>, _, _, closing = pool:imap(square, queue:iter())
    local _ <close> = closing
    assert.equal(9, step())
    queue:put(4)
    assert.equal(16, step())
    queue:close()
    assert.is_nil(step())
  end)

  both("cancel what is left when the loop is left", function(Pool)
    local pool <close> = Pool(1)
    local begun, closed = crun.Queue(), crun.Queue()
    local left = raised(function()
      for value in pool:imap(function(n)
        begun:put(n)
        local _ <close> = setmetatable({}, { __close = function() closed:put(n) end })
        if n > 1 then crun.sleep(1000) end
        return n
      end, range(40)) do
        assert.equal(1, value)
        assert.equal(1, begun:get())
        assert.equal(2, begun:get())
        error("left", 0)
      end
    end)
    assert.equal("left", left)
    assert.equal(0, #pool)
    assert.equal(0, begun:qsize())
    assert.equal(2, closed:qsize())
  end)

  both("cancel what has not begun when the iterator is dropped", function(Pool)
    local pool <close> = Pool(1)
    local begun, gate = crun.Queue(), crun.Event()
    local function start()
      local step = pool:imap(function(n)
        begun:put(n)
        if n == 2 then gate:wait() end
        return n
      end, range(40))
      assert.equal(1, step())
      assert.equal(1, begun:get())
      assert.equal(2, begun:get())
    end
    start()
    collectgarbage()
    collectgarbage()
    crun.yield()
    crun.yield()
    assert.equal(1, #pool)
    gate:set()
    assert.equal(3, pool:apply(math.abs, { -3 }))
    assert.equal(0, begun:qsize())
  end)

  both("cancel their jobs when the caller is cancelled", function(Pool)
    local pool <close> = Pool(1)
    local begun, gate = crun.Queue(), crun.Event()
    local task = crun.spawn(pool.map, pool, function(n)
      begun:put(n)
      gate:wait()
    end, range(40))
    begun:get()
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(0, #pool)
    assert.equal(0, begun:qsize())
  end)

  both("several at once share the workers", function(Pool)
    local pool <close> = Pool(2)
    local function sum(k)
      local total = 0
      for value in pool:imap_unordered(function(n) return n * k end, range(50)) do
        total = total + value
      end
      return total
    end
    assert.same({ 1275, 2550, 3825 }, crun.gather {
      function() return sum(1) end, function() return sum(2) end, function() return sum(3) end,
    })
  end)

  it("are one function over tasks, threads and processes", function()
    for _, on in ipairs { "tasks", "threads", "processes" } do
      assert.same(SQUARES, crun.map(square, range(7), { on = on, limit = 2 }))
      assert.equal("no", raised(crun.map, function() error("no", 0) end, { 1 }, { on = on }))
    end
    assert.same({ 2, 4 }, crun.map(function(n) return 2 * n end, { 1, 2 }))
    support.refuses({ "option 'on'", "got 'fibres'" }, function()
      crun.map(square, {}, { on = "fibres" })
    end)
    support.refuses({ "unknown option 'chunk'" }, function()
      crun.map(square, {}, { chunk = 1 })
    end)
    support.refuses({ "list or iterator expected" }, function() crun.map(square, 1) end)
  end)
end)
