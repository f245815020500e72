-- SPDX-License-Identifier: MIT
--
-- How a process ended, and the error that says so.

local core = require "crun.core"

local M = {}

---So much of what a failed program has said is part of the error's text.
local QUOTED = 500

local names = {}
for name, number in pairs(core.signals) do names[number] = name end

---"SIGKILL", or "signal 40".
---@param number integer
---@return string
function M.signal_name(number)
  return names[number] or ("signal %d"):format(number)
end

---The command as one would type it.
---@param words string[]|string[][] a command, or those of a pipeline
---@return string
function M.command(words)
  local list = {}
  if type(words[1]) == "table" then
    for i, command in ipairs(words) do list[i] = M.command(command) end
    return table.concat(list, " | ")
  end
  for i, word in ipairs(words) do
    local plain = word:find "^[%w%%+,./:=@_-]+$"
    list[i] = plain and word or "'" .. word:gsub("'", "'\\''") .. "'"
  end
  return table.concat(list, " ")
end

---"exited with 1", "was killed by SIGTERM".
function M.ending(code, signal)
  if not code then return "could not be killed" end
  if signal then return "was killed by " .. M.signal_name(signal) end
  return ("exited with %d"):format(code)
end

---@class crun.subprocess.Result
---@field args string[]|string[][] the command, or those of a pipeline
---@field code integer of exit; -n if killed by signal n
---@field signal? integer
---@field stdout? string what was captured
---@field stderr? string
---@field stages? crun.subprocess.Result[] of a pipeline
local Result = { __name = "crun.subprocess.Result" }
Result.__index = Result

---@class crun.subprocess.ProcessError: crun.subprocess.Result
local ProcessError = { __name = "crun.subprocess.ProcessError" }
ProcessError.__index = ProcessError
M.Result, M.ProcessError = Result, ProcessError

function Result:__tostring()
  return ("crun.subprocess.Result: %s %s"):format(M.command(self.args),
    M.ending(self.code, self.signal))
end

function ProcessError:__tostring()
  local text = ("%s %s"):format(M.command(self.args), M.ending(self.code, self.signal))
  local said = (self.stderr or ""):gsub("%s+$", "")
  if #said > QUOTED then said = "..." .. said:sub(-QUOTED) end
  return said == "" and text or text .. ": " .. said
end

---Raises a ProcessError unless the exit code is 0.
---Switches: never.
---@return crun.subprocess.Result self
function Result:check()
  if self.code == 0 then return self end
  local err = {}
  for key, value in pairs(self) do err[key] = value end
  error(setmetatable(err, ProcessError), 0)
end

---@param fields table
---@return crun.subprocess.Result
function M.new(fields)
  return setmetatable(fields, Result)
end

return M
