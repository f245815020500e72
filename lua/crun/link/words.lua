-- SPDX-License-Identifier: MIT
--
-- How errors name what could not be sent: the clone counts all values of a message alike.

local M = {}

---For a message of a function and its arguments: "args[1]" is the function.
---@param message string
---@return string
function M.call(message)
  return (message:gsub("^args%[(%d+)%]", function(place)
    return place == "1" and "the function" or ("args[%d]"):format(place - 1)
  end))
end

---For a message of results.
---@param message string
---@return string
function M.results(message)
  return (message:gsub("^args%[", "results["))
end

return M
