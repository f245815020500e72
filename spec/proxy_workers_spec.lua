-- SPDX-License-Identifier: MIT

-- Proxies in real threads and processes: each operation that may wait, and what can end the wait.
-- Nothing here goes by time but what waits for a timeout: an event tells when a request has come.
local crun = require "crun"
local links = require "spec.support.links"
local spawn_worker = require "crun.spawn_worker"
local support = require "spec.support"
local waits = require "spec.support.remote_waits"

local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- Starts a worker. Returns what has `submit`, and a function that ends it.
local start = {}

function start.thread()
  local thread = crun.Thread {}
  thread:start()
  return thread, function()
    thread:cancel()
    thread:join()
  end
end

function start.process()
  local link, child = spawn_worker.start { name = "spec" }
  return link, function()
    link:finish()
    child:wait()
    link:join()
  end, child
end

--- Has the worker wait. Returns the future of how that ends, once the request has come here.
local function begin(worker, name, object, options, go)
  local begun = crun.Event()
  local outcome = worker:submit(waits.wait, name, object, begun, options or {}, go)
  begun:wait()
  return outcome
end

local cells = {}

function cells.woken(worker, name, operation)
  local object = operation.make()
  local outcome = begin(worker, name, object)
  operation.wake(object)
  assert.equal("value", outcome:get())
end

cells["timeout 0"] = function(worker, name, operation)
  assert.equal("timeout", begin(worker, name, operation.make(), { timeout = 0 }):get())
end

function cells.timeout(worker, name, operation)
  assert.equal("timeout", begin(worker, name, operation.make(), { timeout = 0.005 }):get())
end

cells["timeout from outside"] = function(worker, name, operation)
  local object = operation.make()
  assert.equal("timeout", begin(worker, name, object, { outer = 0.005 }):get())
  if operation.mend then operation.mend(object) end
  operation.wake(object)
  assert.is_true(operation.left(object))
end

function cells.cancelled(worker, name, operation)
  local object, go = operation.make(), crun.Event()
  local outcome = begin(worker, name, object, {}, go)
  go:set()
  assert.equal("cancelled", outcome:get())
  if operation.mend then operation.mend(object) end
  operation.wake(object)
  assert.is_true(operation.left(object))
end

function cells.closed(worker, name, operation)
  if not operation.close then return end
  local object = operation.make()
  local outcome = begin(worker, name, object)
  operation.close(object)
  assert.equal("closed", outcome:get())
end

--- Either comes first; what woke is gone if it did, and else still there.
cells["woken and cancelled at once"] = function(worker, name, operation)
  local object, go = operation.make(), crun.Event()
  local outcome = begin(worker, name, object, {}, go)
  operation.wake(object)
  go:set()
  local how = outcome:get()
  assert.is_truthy(how == "value" or how == "cancelled", how)
  if how == "cancelled" then assert.is_true(operation.left(object)) end
end

for kind, open in pairs(start) do
  describe("through a " .. kind .. "'s proxy", function()
    for name, operation in pairs(waits.operations) do
      it(name .. " ends as at its object", function()
        local worker, finish = open()
        for cell, play in pairs(cells) do
          local ok, err = pcall(play, worker, name, operation)
          if not ok then error(("%s: %s"):format(cell, tostring(err)), 0) end
        end
        finish()
      end)
    end

    it("an object comes back as the original, and goes on to workers of the worker", function()
      local worker, finish = open()
      local queue = crun.Queue()
      queue:put("for the grandchild")
      local item, same = worker:submit(waits.through_own_worker, queue):get()
      assert.equal("for the grandchild", item)
      assert.equal(queue, same)
      finish()
    end)
  end)
end

describe("a process that is killed", function()
  for _, case in ipairs {
    { "Lock", "acquire" }, { "RLock", "acquire" }, { "Condition", "acquire" },
    { "Semaphore", "acquire" }, { "BoundedSemaphore", "acquire" },
    { "RWLock", "write_acquire" }, { "RWLock", "read_acquire" },
  } do
    local class, how = table.unpack(case)
    it("gives back what it has taken of a " .. class .. " by " .. how, function()
      local link, _, child = start.process()
      local object, begun = crun[class](), crun.Event()
      local future = link:submit(waits.take, object, how, begun)
      begun:wait()
      child:kill(9)
      future:join()
      assert.matches("EWORKERDIED: process 'spec' .* was killed by signal 9", future:exception())
      assert.is_true(object[class == "RWLock" and "write_acquire" or "acquire"](object, 10))
      link:join()
    end)
  end

  it("takes no item along, and no other worker with it", function()
    for round = 1, support.scaled(20) do
      local from, to = crun.Queue(), crun.Queue()
      local link, _, child = start.process()
      local other, finish = start.thread()
      local doomed = link:submit(waits.pass, from, to)
      local survivor = other:submit(waits.pass, from, to)
      local n = 60
      crun.spawn(function()
        for i = 1, n do
          from:put(i)
          if i == (round * 3 - 1) % n + 1 then child:kill(9) end
          if i % 4 == 0 then crun.yield() end
        end
      end)
      local seen = {}
      local function note(item)
        assert.is_nil(seen[item], "twice: " .. item)
        seen[item] = true
      end
      doomed:join()
      assert.is_truthy(doomed:exception())
      for i = 1, n do
        local item = to:get(i < n and 10 or 0.05)
        if item then note(item) end
      end
      -- What it had received and not yet passed on has died with it, and nothing else.
      local missing = 0
      for i = 1, n do missing = missing + (seen[i] and 0 or 1) end
      assert.is_true(missing <= 1, missing .. " items are missing")
      assert.equal(0, #from)
      from:close()
      survivor:get()
      finish()
      link:join()
    end
  end)
end)
