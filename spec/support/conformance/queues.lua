-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crun = require "crun"
local items = require "spec.support.conformance.items"

local M = {}

local function close(line) line.object:close() end

for _, name in ipairs { "Queue", "LifoQueue", "PriorityQueue" } do
  M[name .. ":get"] = items.getter {
    open = function(line) line.object = crun[name]() end,
    wait = function(line, _, t) return items.number(line.object:get(t)) end,
    put = function(line, item) return line.object:put_nowait(item) end,
    drain = function(line) return (line.object:get_nowait()) end,
    close = close,
  }
  M[name .. ":put"] = items.putter {
    open = function(line)
      line.object = crun[name](1)
      line.object:put(items.item(0))
    end,
    wait = function(line, i, t) return line.object:put(items.item(i), t) end,
    first = 0,
    take = function(line) return (line.object:get_nowait()) end,
    close = close,
    -- Items are compared by those who put them, in their own turn.
    spaced = name == "PriorityQueue",
    expect = name == "PriorityQueue" and { ["woken, then closed in one turn"] = "closed" } or nil,
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

--- `size` 0 is a rendezvous: nothing is ever inside.
for name, size in pairs { ["Channel(0)"] = 0, ["Channel(2)"] = 2 } do
  M[name .. ":recv"] = items.getter {
    open = function(line) line.object = crun.Channel(size) end,
    wait = function(line, _, t) return items.number(line.object:recv(t)) end,
    put = function(line, item) return line.object:send_nowait(item) end,
    drain = function(line) return (line.object:recv_nowait()) end,
    close = close,
  }
end

M["Channel(0):send"] = items.putter {
  open = function(line) line.object = crun.Channel() end,
  wait = function(line, i, t) return line.object:send(items.item(i), t) end,
  take = function(line) return (line.object:recv_nowait()) end,
  close = close,
}

M["Channel(1):send"] = items.putter {
  open = function(line)
    line.object = crun.Channel(1)
    line.object:send(items.item(0))
  end,
  wait = function(line, i, t) return line.object:send(items.item(i), t) end,
  first = 0,
  take = function(line) return (line.object:recv_nowait()) end,
  close = close,
}

return M
