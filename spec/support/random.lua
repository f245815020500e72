-- SPDX-License-Identifier: MIT

--- Random numbers that depend on their seed alone, whatever else draws from math.random.
local M = {}

--- A generator: `next(n)` gives an integer from 1 to n. It is a 64-bit linear congruential one
--- whose high bits are used, good enough to vary test programs.
--- @param seed integer
--- @return fun(n: integer): integer
function M.new(seed)
  local state = seed * 0x9E3779B97F4A7C15 + 1
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % n + 1
  end
end

return M
