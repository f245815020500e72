-- SPDX-License-Identifier: MIT

--- Files of the checkout.
local M = {}

--- The whole text of a file.
function M.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

--- The names that ls(1) gives for words of the shell, such as "docs/*.md", or for a folder.
function M.list(words)
  local list = {}
  local listing <close> = assert(io.popen("ls " .. words))
  for name in listing:lines() do list[#list + 1] = name end
  return list
end

return M
