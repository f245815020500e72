-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crun = require "crun"
local items = require "spec.support.conformance.items"

local M = {}

local function close(line) line.object:close() end

for _, name in ipairs { "Queue" } do
  M[name .. ":get"] = items.getter {
    open = function(line) line.object = crun[name]() end,
    wait = function(line, _, t) return line.object:get(t) end,
    put = function(line, item) return line.object:put_nowait(item) end,
    drain = function(line) return (line.object:get_nowait()) end,
    close = close,
  }
  M[name .. ":put"] = items.putter {
    open = function(line)
      line.object = crun[name](1)
      line.object:put(0)
    end,
    wait = function(line, i, t) return line.object:put(i, t) end,
    first = 0,
    take = function(line) return (line.object:get_nowait()) end,
    close = close,
  }
  M[name .. ":join"] = {
    open = function(line)
      line.object = crun[name]()
      line.object:put(1)
      line.object:get()
    end,
    wait = function(line, _, t) return line.object:join(t) end,
    wake = function(line)
      if line.fed == 0 then line.object:task_done() end
      line.fed = 1
    end,
    wakes = "all",
    check = function(line) assert.is_true(line.object:join(0)) end,
  }
end

return M
