-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both, nap, raised = support.both, support.nap, support.raised

local function double(n) return 2 * n end

---An endless input that notes how far it was read, and whether it was closed.
local function endless()
  local seen = { read = 0, closed = false }
  local closing = setmetatable({}, { __close = function() seen.closed = true end })
  local function step()
    seen.read = seen.read + 1
    return seen.read
  end
  return seen, step, nil, nil, closing
end

for _, way in ipairs { "imap", "imap_unordered" } do
  describe(way, function()
    both("never eats an endless input", function()
      local pool = crun.Pool(2)
      local seen, step, state, control, closing = endless()
      local sum = 0
      for value in pool[way](pool, double, step, state, control, closing) do
        sum = sum + value
        assert.is_true(seen.read <= value / 2 + 4)
        if value == 40 then break end
      end
      assert.equal(420, sum)
      assert.is_true(seen.closed)
      assert.is_true(seen.read <= 24)
    end)

    both("is ahead by its window, and lets the input wait", function()
      local pool = crun.Pool(1, { window = 3 })
      local seen, step = endless()
      local iterate, _, _, closing = pool[way](pool, double, step)
      local _ <close> = closing
      crun.sleep(1)
      assert.equal(3, seen.read)
      iterate()
      crun.sleep(1)
      assert.equal(4, seen.read)
      local queue = crun.Queue()
      local start = crun.now()
      crun.spawn(function()
        queue:put(1)
        crun.sleep(5)
        queue:close()
      end)
      for value in crun.Pool(4)[way](pool, double, queue:iter()) do
        assert.equal(2, value)
        support.took(start, 0)
      end
      support.took(start, 5)
    end)

    both("breaking out of the loop cancels what runs and waits for its clean-up", function()
      local pool, log = crun.Pool(3), support.log()
      for value in pool[way](pool, function(n)
        local _ <close> = setmetatable({}, {
          __close = function(_, err)
            crun.shield(crun.sleep, 1)
            log(n .. (err and " cancelled" or " ended"))
          end,
        })
        crun.sleep(n == 1 and 0 or 100)
        return n
      end, { 1, 2, 3, 4, 5 }) do
        if value == 1 then break end
      end
      table.sort(log)
      assert.equal("1 ended 2 cancelled 3 cancelled 4 cancelled", log:text())
      assert.equal(0, #pool)
    end)

    both("an error in the loop, or a cancel, cleans up, too", function()
      local pool = crun.Pool(3)
      assert.equal("loop", raised(function()
        for _ in pool[way](pool, function(n) return nap(n, n) end, { 1, 20, 30 }) do
          error("loop", 0)
        end
      end))
      assert.equal(0, #pool)
      local start = crun.now()
      assert.equal("ETIMEDOUT", select(3, crun.with_timeout(2, function()
        for _ in pool[way](pool, function(n) return nap(n, n) end, { 1, 20, 30 }) do
          crun.sleep(0)
        end
      end)))
      support.took(start, 2)
      assert.equal(0, #pool)
    end)

    both("ends at an error inside a for loop", function()
      local pool, ran = crun.Pool(1), 0
      assert.equal("job", raised(function()
        for _ in pool[way](pool, function(n)
          crun.sleep(1)
          ran = ran + 1
          if n == 2 then error("job", 0) end
          return n
        end, { 1, 2, 3, 4, 5, 6 }) do
          crun.sleep(0)
        end
      end))
      assert.is_true(ran <= 3)
      assert.equal(0, #pool)
    end)

    both("refuses a nil result, and goes on", function()
      local step = crun.Pool(1)[way](crun.Pool(1), function(n) return n ~= 2 and n or nil end,
        { 1, 2, 3 })
      assert.equal(1, step())
      assert.matches("returned nil, which would end a for loop", raised(step))
      assert.equal(3, step())
      assert.is_nil(step())
    end)

    both("gives all results of a job, false included", function()
      local step = crun.Pool(1)[way](crun.Pool(1), function(n) return false, n end, { 7 })
      assert.same({ false, 7 }, { step() })
    end)

    both("an iterator that is dropped leaves no feeder behind", function()
      local pool = crun.Pool(2)
      local seen, step = endless()
      pool[way](pool, double, step)()
      crun.sleep(1)
      local before = #crun.tasks()
      collectgarbage()
      collectgarbage()
      crun.sleep(1)
      assert.equal(before - 1, #crun.tasks())
      assert.is_true(seen.read <= 6)
    end)

    both("an iterator in use is not taken for a dropped one", function()
      local pool = crun.Pool(1)
      local step = pool[way](pool, double, { 1, 2, 3, 4, 5, 6 })
      for n = 1, 6 do
        collectgarbage()
        assert.equal(2 * n, step())
      end
      assert.is_nil(step())
    end)

    both("can be read by several tasks", function()
      local pool, log = crun.Pool(2), {}
      local step = pool[way](pool, function(n) return nap(1, n) end, { 1, 2, 3, 4, 5, 6 })
      local function read()
        for value in step do log[#log + 1] = value end
      end
      local readers = {}
      for i = 1, 9 do readers[i] = crun.spawn(read) end
      crun.joinall(readers)
      assert.equal("1 2 3 4 5 6", table.concat(log, " "))
    end)
  end)
end
