-- SPDX-License-Identifier: MIT
--
-- Raises an error at the line of the script that called into crun's Lua, however many functions of
-- crun's are in between.

local faces = debug.getinfo(1, "S").source:match("^(.*)link/blame%.lua$")

local function is_own(source)
  return faces ~= nil and source:sub(1, #faces) == faces
end

---Raises the text, with the position of the innermost function outside of crun.
---@param text string
return function(text)
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info and (info.currentline < 0 or is_own(info.source)) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  if info then text = ("%s:%d: %s"):format(info.short_src, info.currentline, text) end
  error(text, 0)
end
