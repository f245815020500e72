-- SPDX-License-Identifier: MIT
--
-- How a worker ended, whatever kind it is of: processes tell an exit code, threads and tasks the
-- error that came out of them.

local M = {}

---@class crun.Supervisor.Ending
---@field ok boolean exit code 0, or a return
---@field text string in words: what the worker did, as "was killed by signal 9 (SIGKILL)"
---@field err any the error that came out of it, if one did

local function first_line(err)
  return (tostring(err):match("^[^\n]*"))
end

---The error that a worker's get raises, if it has one; called once the worker has ended.
local function error_of(worker)
  if type(worker.get) ~= "function" then return nil end
  local ok, err = pcall(worker.get, worker)
  return not ok and (err == nil and "nil" or err) or nil
end

local function exit_text(code)
  local describe = require("crun.spawn_worker").describe
  if code < 0 then return describe(nil, -code) end
  return describe(code)
end

---What the parent says of a worker that ended by itself tells no more than its exit code.
local function is_its_own(err)
  return err ~= nil and not (type(err) == "string" and err:find("^EWORKERDIED: "))
end

---@param worker any that has ended
---@return crun.Supervisor.Ending
function M.of(worker)
  local code, err = worker.exitcode, error_of(worker)
  if is_its_own(err) then
    return { ok = false, text = "failed: " .. first_line(err), err = err }
  end
  if code == nil then return { ok = true, text = "returned" } end
  return { ok = code == 0, text = exit_text(code), err = code ~= 0 and err or nil }
end

---The ending of one that never began.
---@param err any
---@return crun.Supervisor.Ending
function M.unstarted(err)
  return { ok = false, text = "could not be started: " .. first_line(err), err = err }
end

return M
