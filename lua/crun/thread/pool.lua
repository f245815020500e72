-- SPDX-License-Identifier: MIT
--
-- to_thread: one call in a thread. The threads are kept for the next calls.

local check = require "crun.check"
local core = require "crun.core"
local thread = require "crun.thread"

local M = {}

local MOST = 32 -- calls at the same time, and threads that are kept; further calls wait in line

local places -- the Semaphore of the calls
local idle = {} -- threads that have nothing to do, the last used last

local function take()
  while #idle > 0 do
    local one = table.remove(idle)
    if one:is_alive() then return one end
  end
  local one = thread.Thread { daemon = true, name = "to_thread" }
  local started, message = one:start()
  if not started then error(message, 0) end
  return one
end

---A thread that is left behind by a cancel ends by itself, as soon as its function lets it.
local function leave(one, err)
  one:cancel("the task that called to_thread was cancelled")
  error(err, 0)
end

---Sends the call.
local function submit(one, fn, ...)
  local ok, future = pcall(one.submit, one, fn, ...)
  if ok then return future end
  idle[#idle + 1] = one
  error(future, 0)
end

---Calls fn(...) in a thread and waits for it, while other tasks go on; for functions that block or
---compute. Up to 32 run at the same time, further ones wait in line. Cancelling the caller cancels
---the function, and does not wait for it: a C function that does not return keeps its thread.
---May wait. Raises: the function's error; what cannot be sent; a cancel; that no thread can be had.
---@param fn function
---@param ... any
---@return any ... its results
function M.to_thread(fn, ...)
  check.callable(fn, 1, "to_thread")
  places = places or core.Semaphore(MOST)
  local _ <close> = places:hold()
  local one = take()
  local future = submit(one, fn, ...)
  local ok, err = pcall(future.join, future)
  if not ok then leave(one, err) end
  idle[#idle + 1] = one
  return future:get()
end

---Ends the threads that are kept, and waits for them. For tests.
---May wait.
function M.release()
  local list = idle
  idle = {}
  for _, one in ipairs(list) do one:close() end
  for _, one in ipairs(list) do one:join() end
end

return M
