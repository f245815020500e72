-- SPDX-License-Identifier: MIT

--- Operations through which items go: what was put in comes out once and in its order.
local assert = require "luassert"

local M = {}

--- Whoever waits for an item. `put(line, item)` says whether it was taken; `drain(line)` returns
--- the next item that is left, or nil.
function M.getter(operation)
  local put, drain = operation.put, operation.drain
  function operation.wake(line)
    if put(line, line.fed + 1) then line.fed = line.fed + 1 end
  end
  function operation.check(line)
    local got = {}
    for i = 1, line.count + 1 do
      if line.outcomes[i] == "value" then
        got[#got + 1] = line.values[i]
        assert.equal(#got, line.values[i])
      end
    end
    local left = {}
    for item in drain, line do left[item] = true end
    for item = #got + 1, line.fed do
      assert.is_true(left[item], "item " .. item .. " is lost")
      left[item] = nil
    end
    assert.is_nil(next(left))
  end
  return operation
end

--- Whoever waits for room, waiter i with item i. `first`: what is inside already; `take(line)`
--- returns the next item, or nil.
function M.putter(operation)
  local take = operation.take
  function operation.wake(line)
    line.out[#line.out + 1] = take(line)
  end
  function operation.check(line)
    local expected = { operation.first }
    for i = 1, line.count + 1 do
      if line.outcomes[i] == "value" then expected[#expected + 1] = i end
    end
    for item in take, line do line.out[#line.out + 1] = item end
    assert.same(expected, line.out)
  end
  return operation
end

return M
