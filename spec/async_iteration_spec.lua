-- SPDX-License-Identifier: MIT

--- Iterators that wait in their steps, and scopes that wait when they are entered and left: what
--- `async for` and `async with` are elsewhere needs nothing special here.
local crun = require "crun"
local support = require "spec.support"
local both, raised = support.both, support.raised

---A scope that waits in its end, and notes with what it ended. `leave` waits.
local function scope(log, name, leave)
  return setmetatable({}, {
    __close = function(_, err)
      leave(1)
      log(name .. ":" .. (err == nil and "end" or tostring(err):match("%w+")))
    end,
  })
end

local function shielded(seconds)
  crun.shield(crun.sleep, seconds)
end

---An iterator over 1 to n, each after a second, that waits when the loop is left.
local function numbers(log, n, leave)
  return function(_, i)
    crun.sleep(1)
    if i < n then return i + 1 end
  end, nil, 0, scope(log, "loop", leave or crun.sleep)
end

---An iterator over what fn passes to its argument, which runs in a coroutine of its own.
local function generator(fn)
  local co = coroutine.create(fn)
  local function step()
    local ok, value = coroutine.resume(co, coroutine.yield)
    if not ok then error(value, 0) end
    return value
  end
  return step, nil, nil, setmetatable({}, {
    __close = function() assert(coroutine.close(co)) end,
  })
end

describe("a scope whose end waits", function()
  both("is left after it has waited", function()
    local log, start = support.log(), crun.now()
    do
      local _ <close> = scope(log, "scope", crun.sleep)
      log "body"
    end
    log "after"
    support.took(start, 1)
    assert.equal("body scope:end after", log:text())
  end)

  both("lets others run meanwhile", function()
    local log = support.log()
    crun.spawn(function()
      crun.sleep(0.5)
      log "other"
    end)
    do
      local _ <close> = scope(log, "scope", crun.sleep)
    end
    assert.equal("other scope:end", log:text())
  end)

  both("waits on the way of an error, too, and of a return, a goto and a break", function()
    local log, start = support.log(), crun.now()
    assert.equal("oops", raised(function()
      local _ <close> = scope(log, "outer", crun.sleep)
      local _ <close> = scope(log, "inner", crun.sleep)
      error("oops", 0)
    end))
    local function early()
      local _ <close> = scope(log, "return", crun.sleep)
      return "result", nil
    end
    assert.same({ n = 2, "result", nil }, table.pack(early()))
    do
      local _ <close> = scope(log, "goto", crun.sleep)
      goto out
    end
    ::out::
    while true do
      local _ <close> = scope(log, "break", crun.sleep)
      if log then break end
    end
    assert.equal("inner:oops outer:oops return:end goto:end break:end", log:text())
    support.took(start, 5)
  end)

  both("replaces the error by its own, or ends it for good behind a pcall", function()
    local function failing()
      local _ <close> = setmetatable({}, {
        __close = function(_, err)
          crun.sleep(1)
          error("closing after " .. tostring(err), 0)
        end,
      })
      error("body", 0)
    end
    assert.equal("closing after body", raised(failing))
    assert.is_false(pcall(failing))
    crun.sleep(1)
  end)

  both("can wait after a cancel if it is shielded", function()
    local log = support.log()
    local function work(leave)
      local _ <close> = scope(log, "scope", leave)
      crun.sleep(10)
    end
    local start = crun.now()
    local task, bare = crun.spawn(work, shielded), crun.spawn(work, crun.sleep)
    crun.yield()
    task:cancel()
    bare:cancel()
    crun.joinall { task, bare }
    support.took(start, 1)
    assert.equal("scope:cancelled", log:text())
    assert.is_true(task:cancelled())
    assert.is_true(bare:cancelled())
  end)

  both("can wait after a timeout if it is shielded", function()
    local log, start = support.log(), crun.now()
    assert.equal("ETIMEDOUT", select(3, crun.with_timeout(1, function()
      local _ <close> = scope(log, "scope", shielded)
      crun.sleep(10)
    end)))
    support.took(start, 2)
    assert.equal("scope:cancelled", log:text())
  end)

  both("can be cancelled while it waits", function()
    local log, left = support.log(), false
    local task = crun.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() left = true end })
      local _ <close> = scope(log, "scope", crun.sleep)
    end)
    crun.sleep(0.5)
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.is_true(left)
    assert.equal("", log:text())
  end)

  both("can be entered by what waits: a lock, a semaphore, a place", function()
    local lock, log = crun.Lock(), support.log()
    local function work(name)
      local _ <close> = lock:hold()
      log(name)
      crun.sleep(1)
    end
    local start = crun.now()
    crun.joinall { crun.spawn(work, "a"), crun.spawn(work, "b") }
    support.took(start, 2)
    local _ <close> = lock:hold()
    do
      local held <close> = crun.spawn(lock.hold, lock, 1):get()
      assert.is_nil(held)
    end
  end)

  both("waits inside of C functions, too", function()
    local log, start = support.log(), crun.now()
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b)
      local _ <close> = scope(log, "sort", crun.sleep)
      return a < b
    end)
    assert.same({ 1, 2, 3 }, list)
    support.took(start, #log)
  end)
end)

describe("a loop over an iterator that waits", function()
  both("waits in each step, and when it is over", function()
    local log, start = support.log(), crun.now()
    for i in numbers(log, 3) do log(i) end
    log "after"
    assert.equal("1 2 3 loop:end after", log:text())
    support.took(start, 5)
  end)

  both("cleans up on a break", function()
    local log, start = support.log(), crun.now()
    for i in numbers(log, 3) do
      log(i)
      if i == 2 then break end
    end
    assert.equal("1 2 loop:end", log:text())
    support.took(start, 3)
  end)

  both("cleans up on a return and an error", function()
    local log = support.log()
    assert.equal(2, (function()
      for i in numbers(log, 3) do
        if i == 2 then return i end
      end
    end)())
    assert.equal("oops", raised(function()
      for _ in numbers(log, 3) do error("oops", 0) end
    end))
    assert.equal("loop:end loop:oops", log:text())
  end)

  both("cleans up on a cancel in a step, and on one in its body", function()
    local log = support.log()
    local function read(nap)
      for i in numbers(log, 3, shielded) do
        log(i)
        crun.sleep(nap)
      end
    end
    local step, body = crun.spawn(read, 0), crun.spawn(read, 10)
    crun.sleep(1.5)
    step:cancel()
    body:cancel()
    crun.joinall { step, body }
    assert.equal("1 1 loop:cancelled loop:cancelled", log:text())
  end)

  both("gets an error of a step", function()
    local log = support.log()
    local function steps()
      crun.sleep(1)
      error("step", 0)
    end
    assert.equal("step", raised(function()
      for _ in steps, nil, nil, scope(log, "loop", crun.sleep) do log "body" end
    end))
    assert.equal("loop:step", log:text())
  end)

  both("lets others run while it waits", function()
    local log = support.log()
    crun.joinall {
      crun.spawn(function() for i in numbers(log, 2) do log("a" .. i) end end),
      crun.spawn(function() for i in numbers(log, 2) do log("b" .. i) end end),
    }
    assert.equal("a1 b1 a2 b2 loop:end loop:end", log:text())
  end)

  both("may be nested, and in a generator", function()
    local log = support.log()
    local function pairs_of()
      return generator(function(yield)
        for i in numbers(log, 2) do
          for j in numbers(log, 2) do yield(i .. "," .. j) end
        end
      end)
    end
    for pair in pairs_of() do log(pair) end
    assert.equal("1,1 1,2 loop:end 2,1 2,2 loop:end loop:end", log:text())
  end)

  both("a generator that waits is closed on a break, and its scopes wait", function()
    local log, start = support.log(), crun.now()
    for value in generator(function(yield)
      local _ <close> = scope(log, "generator", crun.sleep)
      for i = 1, 3 do
        crun.sleep(1)
        yield(i)
      end
    end) do
      log(value)
      if value == 2 then break end
    end
    assert.equal("1 2 generator:end", log:text())
    support.took(start, 3)
  end)

  both("a generator is closed on a cancel", function()
    local log = support.log()
    local task = crun.spawn(function()
      for value in generator(function(yield)
        local _ <close> = scope(log, "generator", shielded)
        yield(1)
      end) do
        log(value)
        crun.sleep(10)
      end
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.equal("1 generator:end", log:text())
    assert.is_true(task:cancelled())
  end)

  both("over a queue ends when the queue is closed", function()
    local queue, log = crun.Queue(1), support.log()
    local writer = crun.spawn(function()
      for i = 1, 3 do
        crun.sleep(1)
        queue:put(i)
      end
      queue:close()
    end)
    for i in queue:iter() do log(i) end
    assert.equal("1 2 3", log:text())
    writer:join()
  end)
end)
