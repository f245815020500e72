-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"
local both = support.both

local function actor(lock, mode, name, log, seconds)
  return crun.spawn(function()
    lock["with_" .. mode](lock, function()
      log("+" .. name)
      crun.sleep(seconds or 1)
      log("-" .. name)
    end)
  end)
end

describe("RWLock", function()
  both("lets readers in together and writers alone", function()
    local lock, log = crun.RWLock(), support.log()
    crun.joinall {
      actor(lock, "read", "r1", log), actor(lock, "read", "r2", log, 2),
      actor(lock, "write", "w1", log), actor(lock, "write", "w2", log),
    }
    assert.equal("+r1 +r2 -r1 -r2 +w1 -w1 +w2 -w2", log:text())
  end)

  both("prefers writers: no reader overtakes one that waits", function()
    local lock, log = crun.RWLock(), support.log()
    local tasks = { actor(lock, "read", "r1", log) }
    crun.yield()
    tasks[2] = actor(lock, "write", "w1", log)
    crun.yield()
    assert.equal("ETIMEDOUT", select(3, lock:read_acquire(0)))
    tasks[3] = actor(lock, "read", "r2", log)
    tasks[4] = actor(lock, "read", "r3", log)
    tasks[5] = actor(lock, "write", "w2", log)
    crun.joinall(tasks)
    assert.equal("+r1 -r1 +w1 -w1 +w2 -w2 +r2 +r3 -r2 -r3", log:text())
  end)

  for how, leave in pairs {
    ["is cancelled"] = function(task) task:cancel() end,
    ["runs out of time"] = function() crun.sleep(3) end,
  } do
    both("lets the readers in when the writer they wait for " .. how, function()
      local lock, log = crun.RWLock(), support.log()
      lock:read_acquire()
      local writers = {}
      for i = 1, 2 do
        writers[i] = crun.spawn(function()
          local _ <close> = lock:hold_write(2)
        end)
      end
      crun.yield()
      local reader = actor(lock, "read", "r", log)
      support.settle()
      leave(writers[1])
      if how == "is cancelled" then
        support.settle()
        assert.equal("", log:text())
      end
      leave(writers[2])
      support.settle()
      assert.equal("+r", log[1])
      reader:join()
      lock:read_release()
      crun.joinall(writers)
      assert.equal("crun.RWLock: free", tostring(lock))
    end)
  end

  it("says what it is, and refuses releases by who has nothing", function()
    local lock = crun.RWLock()
    assert.equal("crun.RWLock: free", tostring(lock))
    support.refuses({ "read_release of a RWLock that nobody reads" },
      function() lock:read_release() end)
    support.refuses({ "write_release of RWLock that nobody holds" },
      function() lock:write_release() end)
    do
      local _ <close> = lock:hold_read()
      assert.equal("crun.RWLock: 1 reading", tostring(lock))
      support.refuses({ "that nobody holds" }, function() lock:write_release() end)
    end
    local _ <close> = lock:hold_write()
    assert.matches("^crun.RWLock: main holds %(taken at spec/rwlock_spec.lua:%d+%)$",
      tostring(lock))
    support.refuses({ "asks for RWLock that main holds" }, function() lock:write_acquire() end)
    support.refuses({ "asks for RWLock that main holds" }, function() lock:read_acquire() end)
    assert.equal("ETIMEDOUT", select(3, lock:write_acquire(0)))
    local other = crun.spawn(function()
      support.refuses({ "that main holds" }, function() lock:write_release() end)
    end)
    other:get()
  end)
end)

describe("WaitGroup", function()
  both("waits for as many done as were added", function()
    local group, log = crun.WaitGroup(), support.log()
    assert.is_true(group:wait())
    group:add(3)
    local waiters = {}
    for i = 1, 2 do
      waiters[i] = crun.spawn(function()
        assert(group:wait())
        log(i)
      end)
    end
    crun.yield()
    assert.equal("crun.WaitGroup: count 3, 2 waiting", tostring(group))
    group:done()
    group:add(-1)
    support.settle()
    assert.equal("", log:text())
    assert.equal(1, group:count())
    group:done()
    crun.joinall(waiters)
    assert.equal("1 2", log:text())
  end)

  it("never counts below zero, nor beyond the largest integer", function()
    local group = crun.WaitGroup()
    group:add(math.maxinteger)
    assert.has_error(function() group:add(1) end)
    assert.has_error(function() group:add(math.mininteger) end)
    assert.equal(math.maxinteger, group:count())
    group:add(-math.maxinteger)
    assert.equal(0, group:count())
  end)
end)
