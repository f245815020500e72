-- SPDX-License-Identifier: MIT
--
-- How a worker ended, whatever kind it is of: processes tell an exit code, threads and tasks the
-- error that came out of them.

local M = {}

---@class crun.Supervisor.Ending
---@field ok boolean exit code 0, or a return
---@field text string in words
---@field err any the error that came out of it, if one did

---The most common ones; the others are told by their number.
local SIGNALS = {
  [1] = "SIGHUP", [2] = "SIGINT", [3] = "SIGQUIT", [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS",
  [8] = "SIGFPE", [9] = "SIGKILL", [11] = "SIGSEGV", [13] = "SIGPIPE", [15] = "SIGTERM",
}

---An exit code in words; negative: the signal that killed it.
---@param code integer
---@return string
function M.exit_text(code)
  if code >= 0 then return "exit code " .. code end
  local name = SIGNALS[-code]
  return ("killed by signal %d%s"):format(-code, name and " (" .. name .. ")" or "")
end

local function first_line(err)
  return (tostring(err):match("^[^\n]*"))
end

---The error that a worker's get raises, if it has one; called once the worker has ended.
local function error_of(worker)
  if type(worker.get) ~= "function" then return nil end
  local ok, err = pcall(worker.get, worker)
  return not ok and (err == nil and "nil" or err) or nil
end

---@param worker any that has ended
---@return crun.Supervisor.Ending
function M.of(worker)
  local code, err = worker.exitcode, error_of(worker)
  if code == nil or code == 0 then
    if err == nil then return { ok = true, text = code and "exit code 0" or "returned" } end
    return { ok = false, text = first_line(err), err = err }
  end
  local text = M.exit_text(code)
  if code > 0 and err ~= nil then text = text .. ": " .. first_line(err) end
  return { ok = false, text = text, err = err }
end

---The ending of one that never began.
---@param err any
---@return crun.Supervisor.Ending
function M.unstarted(err)
  return { ok = false, text = "could not start: " .. first_line(err), err = err }
end

return M
