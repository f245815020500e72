-- SPDX-License-Identifier: MIT
--
-- Those workers that have been started here and have not ended, in order of their starts.

local M = {}

---Takes an item out of a list, if it is there.
---Switches: never.
---@param list any[]
---@param item any
function M.remove(list, item)
  for i = 1, #list do
    if list[i] == item then return table.remove(list, i) end
  end
end

---A list of its own of those that are alive. Who looks after one may not have seen its end yet.
---Switches: never.
---@param list {is_alive: fun(self: any): boolean}[]
---@return any[]
function M.living(list)
  local living = {}
  for _, worker in ipairs(list) do
    if worker:is_alive() then living[#living + 1] = worker end
  end
  return living
end

return M
