-- SPDX-License-Identifier: MIT

--- Operations that wait for time or for other tasks.
local assert = require "luassert"
local core = require "crun.core"
local children = require "spec.support.conformance.children"
local crun = require "crun"

local M = {}

--- Time is what ends a sleep: one that is longer than the timeout of the situations, one shorter.
for seconds, expect in pairs {
  [3] = {
    ["woken in time"] = "timeout",
    ["woken, then timed out in one turn"] = "timeout",
    ["woken, then timed out from outside"] = "timeout",
    ["due, then woken in one turn"] = "timeout",
  },
  [0.5] = { ["timeout"] = "value", ["timed out from outside"] = "value" },
} do
  M[("sleep for %g s"):format(seconds)] = {
    open = function() end,
    wait = function()
      crun.sleep(seconds)
      return true
    end,
    wake = function() core.advance(seconds) end,
    wakes = "all", untimed = true, late = true, expect = expect,
  }
end

M["yield"] = {
  open = function() end,
  wait = function()
    crun.yield()
    return true
  end,
  wake = function() end,
  wakes = "all", untimed = true, alone = true, brief = true,
  -- It is ready already, so no timer comes before it; and there is no result that a cancel could
  -- come too late for.
  late = true,
  expect = { ["timeout"] = "value", ["timed out from outside"] = "value" },
}

--- A task that ends when it is told to, and Futures.
local MAKE = {
  Task = function(line)
    line.done = crun.Event()
    return crun.spawn(function()
      line.done:wait()
      return "result"
    end)
  end,
  Future = function() return crun.Future() end,
}
local TELL = {
  Task = function(line) line.done:set() end,
  Future = function(line)
    if not line.object:done() then line.object:set_result("result") end
  end,
}
local WAITS = {
  ["%s:join"] = function(line, _, t) return line.object:join(t) end,
  ["%s:get"] = function(line, _, t) return line.object:get(t) end,
  ["joinall of %ss"] = function(line, _, t)
    return crun.joinall({ line.object, line.object }, t)
  end,
  ["wait for all %ss"] = function(line, _, t)
    local done, pending = crun.wait({ line.object, line.object }, { timeout = t })
    if #pending > 0 then return nil, "ETIMEDOUT: pending", "ETIMEDOUT" end
    return #done == 2
  end,
  ["wait for the first of %ss"] = function(line, _, t)
    line.never = line.never or crun.Future()
    local list = { line.never, line.object }
    local done = crun.wait(list, { when = "first", timeout = t })
    if #done == 0 then return nil, "ETIMEDOUT: pending", "ETIMEDOUT" end
    return done[1] == line.object
  end,
  ["as_completed of %ss"] = function(line, _, t)
    local ok, err = pcall(function()
      for task in crun.as_completed({ line.object }, t) do assert.equal(line.object, task) end
    end)
    if ok then return true end
    if tostring(err):find("ETIMEDOUT") then return nil, err, "ETIMEDOUT" end
    error(err, 0)
  end,
  ["run of a %s"] = function(line) return crun.run(line.object) end,
}

for kind, make in pairs(MAKE) do
  for name, wait in pairs(WAITS) do
    M[name:format(kind)] = {
      open = function(line) line.object = make(line) end,
      wait = wait, wake = TELL[kind], wakes = "all", late = kind == "Task",
      untimed = name:find("^run") ~= nil,
      check = function(line) assert.equal("result", line.object:result()) end,
    }
  end
  -- Who gathers owns what he gathers: everybody has his own.
  for name, wait in pairs {
    gather = function(line) return (crun.gather(line.object, line.object)) end,
    race = function(line) return (crun.race(line.object, crun.Future())) end,
  } do
    M[("%s of %ss"):format(name, kind)] = {
      open = function() end,
      wait = function(line)
        line.object = make(line)
        return wait(line)
      end,
      wake = TELL[kind], late = kind == "Task", alone = true, untimed = true,
      check = function(line) assert.is_true(line.object:done()) end,
    }
  end
end

for name, wait in pairs {
  ["gather of functions"] = function(run) return (crun.gather(run, run)) end,
  ["race of functions"] = function(run)
    return (crun.race(run, function() crun.Queue():get() end))
  end,
  ["run of a function"] = function(run) return crun.run(run) end,
} do
  M[name] = children.operation(wait)
end

M["killall"] = {
  open = function(line)
    line.done = crun.Event()
    line.object = crun.spawn(function()
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(line.done.wait, line.done)
      end })
      crun.Queue():get()
    end)
    crun.sleep(1e-6)
  end,
  wait = function(line, _, t) return crun.killall({ line.object }, "killed", t) end,
  wake = function(line) line.done:set() end,
  wakes = "all", late = true,
  check = function(line) assert.equal("cancelled", line.object:status()) end,
}

M["run_forever"] = {
  open = function() end,
  wait = function()
    crun.run_forever()
    return true
  end,
  wake = function() crun.stop() end,
  alone = true, untimed = true,
}

M["Timer:join"] = {
  open = function(line)
    line.object = crun.Timer(20, function() end)
    line.object:start()
  end,
  wait = function(line, _, t) return line.object:join(t) end,
  wake = function(line) line.object:cancel() end,
  wakes = "all", late = true,
  check = function(line) assert.is_false(line.object:is_alive()) end,
}

return M
