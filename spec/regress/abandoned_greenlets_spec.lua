-- SPDX-License-Identifier: MIT

local crun = require "crun"
local support = require "spec.support"

-- Abandoned greenlets wait on a list to be unwound. Unwinding the first one cut the rest off it:
-- nothing referred to them any more, and memory that was still in use was collected.
describe("several greenlets that are abandoned together", function()
  local COUNT = 5

  local function made(closed)
    local list = {}
    for i = 1, COUNT do
      list[i] = crun.Greenlet(function()
        local _ <close> = setmetatable({}, { __close = function()
          closed[#closed + 1] = i
          collectgarbage()
          crun.sleep(0.001)
        end })
        crun.getcurrent().parent:switch()
      end)
    end
    return list
  end

  --- The last started is unwound first at a task's end; the first created is the first on the list.
  local function start(list, first, last, step)
    for i = first, last, step do list[i]:switch() end
  end

  local function abandon_forwards(closed)
    start(made(closed), 1, COUNT, 1)
    collectgarbage()
  end

  local function abandon_backwards(closed)
    start(made(closed), COUNT, 1, -1)
    collectgarbage()
  end

  local function check_each_once(closed)
    table.sort(closed)
    assert.same({ 1, 2, 3, 4, 5 }, closed)
  end

  for name, leave in pairs { ["in"] = abandon_forwards, ["against"] = abandon_backwards } do
    local order = (", started %s the order of their making"):format(name)

    support.both("are all unwound at the task's next switch" .. order, function()
      local closed = {}
      leave(closed)
      assert.same({}, closed)
      crun.Greenlet(function() end):switch()
      check_each_once(closed)
    end)

    support.both("are all unwound at the task's end" .. order, function()
      local closed = {}
      crun.spawn(leave, closed):join()
      check_each_once(closed)
    end)
  end
end)
