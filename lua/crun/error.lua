-- SPDX-License-Identifier: MIT
--
-- crun.Error: several errors as one, which prints as a tree. Groups raise it.

local core = require "crun.core"

---@class crun.Error
---@field errors any[] the errors as they were raised, in the order in which they came
---@field tasks (crun.Task|false)[]? whose each of them is; false: the body's of the group
---@field n integer how many
---@field message string? what to say in place of their number
---@field origin string? where the group was opened, as file:line
local Error = core.Error

Error.__name = "crun.Error"

---The text of an error value, as the stand-alone interpreter words it.
local function text_of(err)
  local kind = type(err)
  local meta = getmetatable(err)
  if kind == "string" or kind == "number" or type(meta) == "table" and meta.__tostring then
    return tostring(err)
  end
  return ("(error object is a %s value)"):format(kind)
end

local function describe(task)
  if not task then return "the body: " end
  local plain = "task#" .. task.id
  if task.name == plain then return plain .. ": " end
  return ("%s '%s': "):format(plain, task.name)
end

local function headline(self)
  if self.message then return self.message end
  local text = self.n == 1 and "1 error" or self.n .. " errors"
  if self.origin then return ("%s in the group of %s"):format(text, self.origin) end
  return self.tasks and text .. " in a group" or text
end

---One line for each error, and those of an error's own text below it, indented.
function Error:__tostring()
  local lines = { headline(self) }
  for i = 1, self.n do
    local whose = self.tasks and describe(self.tasks[i]) or ""
    local text = whose .. text_of(self.errors[i])
    local indent = i < self.n and "|  " or "   "
    lines[#lines + 1] = "+- " .. text:gsub("\n", "\n" .. indent)
  end
  return table.concat(lines, "\n")
end

---crun.Error(errors [, message]) makes one.
---Switches: never. Raises when the errors are no list.
---@param errors any[]
---@param message? string
---@return crun.Error
local function new(_, errors, message)
  if type(errors) ~= "table" then
    error(("bad argument #1 to 'Error' (list of errors expected, got %s)")
      :format(type(errors)), 2)
  elseif message ~= nil and type(message) ~= "string" then
    error(("bad argument #2 to 'Error' (string or nil expected, got %s)")
      :format(type(message)), 2)
  end
  local n = #errors
  return setmetatable({ errors = table.move(errors, 1, n, 1, {}), n = n, message = message }, Error)
end

return setmetatable(Error, { __call = new })
