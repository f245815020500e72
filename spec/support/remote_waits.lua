-- SPDX-License-Identifier: MIT

--- Waits that a worker is asked for, on objects that it has proxies of. The functions of this
--- module travel by name.
local crun = require "crun"

local M = {}

--- By name: `make` an object on which everybody must wait, how to `wait`, and how the owner can
--- `wake` one; `left(o)` says whether what woke is still there.
M.operations = {
  ["Queue:get"] = {
    make = function() return crun.Queue() end,
    wait = function(o, t) return o:get(t) end,
    wake = function(o) o:put("item") end,
    left = function(o) return o:get_nowait() == "item" end,
    close = function(o) o:close() end,
  },
  ["Queue:put"] = {
    make = function()
      local queue = crun.Queue(1)
      queue:put("first")
      return queue
    end,
    wait = function(o, t) return o:put("second", t) end,
    wake = function(o) o:get() end,
    left = function(o) return o:empty() end,
    close = function(o) o:close() end,
  },
  ["Queue:join"] = {
    make = function()
      local queue = crun.Queue()
      queue:put(1)
      queue:get()
      return queue
    end,
    wait = function(o, t) return o:join(t) end,
    wake = function(o) o:task_done() end,
    left = function(o) return o:join(0) end,
  },
  ["Channel:recv"] = {
    make = function() return crun.Channel(2) end,
    wait = function(o, t) return o:recv(t) end,
    wake = function(o) o:send("item") end,
    left = function(o) return o:recv_nowait() == "item" end,
    close = function(o) o:close() end,
  },
  ["Channel:send"] = {
    make = function() return crun.Channel() end,
    wait = function(o, t) return o:send("item", t) end,
    wake = function(o) o:recv_nowait() end,
    left = function() return true end,
    close = function(o) o:close() end,
  },
  ["Event:wait"] = {
    make = function() return crun.Event() end,
    wait = function(o, t) return o:wait(t) end,
    wake = function(o) o:set() end,
    left = function(o) return o:is_set() end,
  },
  ["Condition:wait"] = {
    make = function() return crun.Condition() end,
    wait = function(o, t)
      local _ <close> = o:hold()
      return o:wait(t)
    end,
    wake = function(o) o:with(o.notify, o) end,
    left = function(o)
      o:with(function() end)
      return true
    end,
  },
  ["Barrier:wait"] = {
    make = function() return crun.Barrier(2) end,
    wait = function(o, t) return o:wait(t) end,
    wake = function(o) o:wait(0) end,
    left = function() return true end,
    mend = function(o) o:reset() end,
    close = function(o) o:abort() end,
  },
  ["WaitGroup:wait"] = {
    make = function()
      local group = crun.WaitGroup()
      group:add()
      return group
    end,
    wait = function(o, t) return o:wait(t) end,
    wake = function(o) o:done() end,
    left = function(o) return o:count() == 0 end,
  },
  ["Future:get"] = {
    make = function() return crun.Future() end,
    wait = function(o, t) return o:get(t) end,
    wake = function(o) o:set_result("result") end,
    left = function(o) return o:result() == "result" end,
  },
}

for _, name in ipairs { "LifoQueue", "PriorityQueue" } do
  local operation = {}
  for key, value in pairs(M.operations["Queue:get"]) do operation[key] = value end
  operation.make = function() return crun[name]() end
  M.operations[name .. ":get"] = operation
end

for _, name in ipairs { "Lock", "RLock", "Semaphore", "BoundedSemaphore" } do
  M.operations[name .. ":acquire"] = {
    make = function()
      local object = crun[name]()
      object:acquire()
      return object
    end,
    wait = function(o, t)
      local held, message, code = o:acquire(t)
      if held then o:release() end
      return held, message, code
    end,
    wake = function(o) o:release() end,
    left = function(o) return o:acquire(1) end,
  }
end

for take, release in pairs { read_acquire = "read_release", write_acquire = "write_release" } do
  M.operations["RWLock:" .. take] = {
    make = function()
      local lock = crun.RWLock()
      lock:write_acquire()
      return lock
    end,
    wait = function(o, t)
      local held, message, code = o[take](o, t)
      if held then o[release](o) end
      return held, message, code
    end,
    wake = function(o) o:write_release() end,
    left = function(o) return o:write_acquire(1) end,
  }
end

local function classify(ok, value, _, code)
  if not ok then
    return type(value) == "table" and value.reason == "picked" and "cancelled" or tostring(value)
  end
  if value == nil and code then
    return code == "ETIMEDOUT" and "timeout" or "closed"
  end
  return "value"
end

--- Waits in the worker. The owner learns by `begun` that the request has come to it; where there is
--- `go`, the wait is cancelled once that is set. Returns how it ended.
function M.wait(name, object, begun, options, go)
  local wait = M.operations[name].wait
  local task = crun.spawn(function()
    if options.outer then
      return classify(true, crun.with_timeout(options.outer, wait, object))
    end
    return classify(pcall(wait, object, options.timeout))
  end)
  crun.yield() -- the request is on its way
  begun:set()
  if go then
    go:wait()
    task:cancel("picked")
  end
  return task:get()
end

--- Takes, and never gives back.
function M.take(object, how, begun)
  object[how](object)
  begun:set()
  crun.sleep(1000)
end

--- Passes items on from one queue to the other.
function M.pass(from, to)
  for item in from:iter() do to:put(item) end
end

--- Has a worker of its own get from the queue.
function M.through_own_worker(queue)
  local thread <close> = crun.Thread {}
  thread:start()
  return thread:submit(function(q) return q:get(), q end, queue):get()
end

return M
