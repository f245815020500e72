-- SPDX-License-Identifier: MIT
--
-- What one end of a link asks of the other: functions to run, and futures of how they end.

local core = require "crun.core"
local job = require "crun.link.job"
local kinds = require "crun.link.kinds"
local words = require "crun.link.words"

local remote = core.remote
local M = {}

---What a link needs for it.
function M.prepare(self)
  self.next_id = 1
  self.requests = {} -- by number: futures that the other end will set
  self.ids = {}      -- and the other way round
  -- What a cancel of such a Future does: it asks the other end, once.
  local function forgotten() end
  self.cancel_hook = function(future, err)
    remote.hooks[future] = forgotten
    self:post(kinds.CANCEL, self.ids[future], 0, job.portable(err.reason), err.origin)
  end
end

---Notes that the other end will set the future.
local function expect(self, future)
  local id = self.next_id
  self.next_id = id + 1
  self.requests[id] = future
  self.ids[future] = id
  remote.hooks[future] = self.cancel_hook
  return id
end

---Takes the future out that was to be set by the answer with this number; nil: it came too late.
local function take(self, id)
  local future = self.requests[id]
  if not future then return nil end
  self.requests[id] = nil
  self.ids[future] = nil
  remote.hooks[future] = nil
  if future:done() then return nil end
  return future
end

---Calls fn(...) at the other end. Cancelling the Future cancels the call there; it is cancelled
---once the call has ended. At an end that is over the Future has failed already.
---May wait, while very much is queued. Raises: what cannot be sent; a cancel.
---@param self crun.Link
---@param fn function
---@param ... any
---@return crun.Future
function M.submit(self, fn, ...)
  local future = core.Future()
  if self.reason then
    remote.fail(future, self.reason, "")
    return future
  end
  local id = expect(self, future)
  local ok, err = pcall(self.send, self, words.call, kinds.RUN, id, fn, ...)
  if ok then return future end
  take(self, id)
  error(err, 0)
end

---Calls fn(...) at the other end, whose failure is reported there. May wait, as submit.
---@param self crun.Link
---@param fn function
---@param ... any
---@return true? sent, string? message, string? code "ECLOSED"
function M.call_soon(self, fn, ...)
  return self:send(words.call, kinds.CALL, 0, fn, ...)
end

---What the other end answers to RUN.
M.handlers = {
  [kinds.RESULT] = function(self, id, _, ...)
    local future = take(self, id)
    if future then future:set_result(...) end
  end,
  [kinds.ERROR] = function(self, id, _, err, traceback)
    local future = take(self, id)
    if future then remote.fail(future, err, traceback) end
  end,
  [kinds.CANCELLED] = function(self, id, _, reason, origin)
    local future = take(self, id)
    if future then remote.cancel(future, remote.cancelled(reason, origin)) end
  end,
}

---The same where its values could not be made here.
function M.refuse(self, id, err)
  local future = take(self, id)
  if future then remote.fail(future, err, "") end
end

---All that is pending fails. Nobody needs be told where this end has closed the link.
function M.fail_pending(self, told)
  for _, id in ipairs(job.numbers(self.requests)) do
    local future = take(self, id)
    if future then
      remote.fail(future, self.reason, "")
      if not told then future:exception() end
    end
  end
end

return M
