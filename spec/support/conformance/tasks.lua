-- SPDX-License-Identifier: MIT

--- Operations that wait for time or for other tasks.
local assert = require "luassert"
local core = require "crun.core"
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

--- A task that ends when it is told to.
local function open(line)
  line.done = crun.Event()
  line.object = crun.spawn(function()
    line.done:wait()
    return "result"
  end)
end

local function wake(line) line.done:set() end

for name, wait in pairs {
  ["Task:join"] = function(line, _, t) return line.object:join(t) end,
  ["Task:get"] = function(line, _, t) return line.object:get(t) end,
  ["joinall"] = function(line, _, t) return crun.joinall({ line.object }, t) end,
} do
  M[name] = {
    open = open, wait = wait, wake = wake, wakes = "all", late = true,
    check = function(line) assert.equal("result", line.object:result()) end,
  }
end

return M
