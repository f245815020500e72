-- SPDX-License-Identifier: MIT

--- Operations through which items go: what was put in comes out once and in its order.
local assert = require "luassert"

local M = {}

local Item = {}
M.Item = Item -- as a member of a module it is one class in all workers

--- The number of an item.
local function number(value, ...)
  if getmetatable(value) == Item then value = value.number end
  return value, ...
end
M.number = number

function Item.__lt(a, b) return (number(a)) < (number(b)) end

--- The item of that number: some are numbers, which a queue holds itself, and some objects.
function M.item(n)
  return n % 2 == 0 and setmetatable({ number = n }, Item) or n
end

--- Whoever waits for an item, of which `wait` returns the number. `put(line, item)` says whether it
--- was taken; `drain(line)` returns the next item that is left, or nil.
function M.getter(operation)
  local put, drain = operation.put, operation.drain
  function operation.wake(line)
    if put(line, M.item(line.fed + 1)) then line.fed = line.fed + 1 end
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
    for item in drain, line do left[number(item)] = true end
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
    line.out[#line.out + 1] = number(take(line))
  end
  function operation.check(line)
    local expected = { operation.first }
    for i = 1, line.count + 1 do
      if line.outcomes[i] == "value" then expected[#expected + 1] = i end
    end
    for item in take, line do line.out[#line.out + 1] = number(item) end
    assert.same(expected, line.out)
  end
  return operation
end

return M
