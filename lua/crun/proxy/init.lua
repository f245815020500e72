-- SPDX-License-Identifier: MIT
--
-- A proxy's side of a call: the request, the wait for the reply, and the withdrawal.
--
-- Whoever is cancelled while it waits withdraws its request and waits on, shielded, for the answer:
-- either nothing has happened, and the cancel is raised; or a result was there first, and is
-- returned. So what the owner gave never gets lost. Timeouts are the owner's business.

local blame = require "crun.link.blame"
local core = require "crun.core"
local kinds = require "crun.link.kinds"
local methods = require "crun.proxy.methods"
local refer = require "crun.link.refer"

local remote = core.remote
local Future, new_future = core.Future().get, core.Future
local VALUES, DEAD = kinds.VALUES, kinds.DEAD

local M = {}

---What a link needs for it.
function M.prepare(link)
  link.calls = {} -- by id: futures of outcome, values ...
  link.next_call = 1
  link.clients = {} -- by id: tasks that have taken locks
  link.handlers[kinds.REPLY] = M.reply
  link.handlers[kinds.TALLY] = function(self, _, _, tally) self.tally = tally end
end

---"args[1]" is the method, "args[2]" the client, and what follows its arguments.
local function word_arguments(message)
  return (message:gsub("^args%[(%d+)%]", function(place)
    return ("args[%d]"):format(place - 2)
  end))
end

---Sends a request; raises what cannot be sent, without position.
local function send(link, id, number, method, client, ...)
  local port = link.port
  link.serial, link.referred = link.serial + 1, nil
  local ok, err = pcall(port.post, port, kinds.REQUEST, id, number, method, client, ...)
  if link.referred then refer.settle(link, ok) end
  if not ok then return word_arguments(err) end
  return nil
end

---The reply, whatever happens to the caller meanwhile; and what has interrupted it, the last thing
---thrown into it. Raises where it cannot wait at all, as in a finalizer: there each wait fails.
local function outlast(future, thrown)
  local reply = table.pack(pcall(core.shield, Future, future))
  while not reply[1] do
    if reply[2] == thrown then error(thrown, 0) end
    thrown = reply[2]
    reply = table.pack(pcall(core.shield, Future, future))
  end
  return reply, thrown
end

local function rethrow(err)
  if err == nil then return end
  if remote.is_cancelled(err) then core.workers.untell() else core.current():throw(err) end
end

---What a method in C says of its arguments, with its name, and self not counted.
local function word_misuse(state, method, err)
  return (err:gsub("^bad argument #(%d+) to '%?'", function(place)
    return ("bad argument #%d to '%s'"):format(place - 1, methods[state.kind][method][1])
  end))
end

local function unusual(state, method, kind, ...)
  if kind == kinds.RAISED then
    local err = ...
    if type(err) ~= "string" or err:find("^[^\n]-:%d+: ") then error(err, 0) end
    blame(word_misuse(state, method, err))
  elseif kind == kinds.ENDED then
    error(remote.cancelled(...), 0)
  end
  local reason = ...
  return nil, reason, reason:match("^%u+")
end

local function given(state, method, kind, ...)
  if kind == VALUES then return ... end
  return unusual(state, method, kind, ...)
end

---The wait for the reply was interrupted by a cancel, or by an error that was thrown.
local function withdraw(state, method, id, future, err)
  state.link:post(kinds.WITHDRAW, id, 0)
  local reply, thrown = outlast(future, err)
  if reply[2] == kinds.WITHDRAWN or reply[2] == DEAD then error(thrown, 0) end
  rethrow(thrown)
  return given(state, method, table.unpack(reply, 2, reply.n))
end

---What follows from how the wait for the reply ended.
local function outcome(state, method, id, future, ok, kind, ...)
  if not ok then return withdraw(state, method, id, future, kind) end
  if kind == VALUES then return ... end
  return unusual(state, method, kind, ...)
end

---Sends a request. Returns its number and the future of the reply.
local function ask(state, method, client, ...)
  local link = state.link
  local id = link.next_call
  link.next_call = id + 1
  local err = send(link, id, state.number, method, client, ...)
  if err then blame(err) end
  local future = new_future()
  link.calls[id] = future
  return id, future
end

---Asks the owner of the object to call the method of that number, and waits. Of an owner that is
---gone: nil, message, "ECLOSED" or "EWORKERDIED".
---May wait. Raises: what the method raises; what cannot be sent; a cancel.
---@param state table of the proxy
---@param method integer
---@param client integer in whose name, or 0
---@param ... any
---@return any ...
function M.call(state, method, client, ...)
  local reason = state.link.reason
  if reason then return unusual(state, method, DEAD, reason) end
  local id, future = ask(state, method, client, ...)
  return outcome(state, method, id, future, pcall(Future, future))
end

local function told(state, method, future, ok, kind, ...)
  if ok then return given(state, method, kind, ...) end
  local reply, thrown = outlast(future, kind)
  rethrow(thrown)
  return given(state, method, table.unpack(reply, 2, reply.n))
end

---The same for a method that never waits. It cannot be withdrawn: a lock is given back by a task
---that is cancelled, too.
---@param state table of the proxy
---@param method integer
---@param client integer in whose name, or 0
---@param ... any
---@return any ...
function M.tell(state, method, client, ...)
  local reason = state.link.reason
  if reason then return unusual(state, method, DEAD, reason) end
  local _, future = ask(state, method, client, ...)
  return told(state, method, future, pcall(Future, future))
end

---Once the running task has taken a lock, the owner learns of the task's end.
---Switches: never.
---@param link table
function M.note_client(link)
  local task = core.current()
  local id = task.id
  if link.clients[id] then return end
  link.clients[id] = true
  core.on_end(task, function()
    link.clients[id] = nil
    link:post(kinds.GONE, id, 0)
  end)
end

---The REPLY of the other end.
function M.reply(link, id, kind, ...)
  local future = link.calls[id]
  link.calls[id] = nil
  if kind == kinds.ITEM then
    link.tally:add()
    return future:set_result(VALUES, ...)
  end
  future:set_result(kind, ...)
end

---A REPLY whose values could not be made here.
function M.refuse(link, id, kind, err)
  if kind == kinds.ITEM then link.tally:add() end
  local future = link.calls[id]
  link.calls[id] = nil
  future:set_result(kinds.RAISED, err)
end

---The link is over: who waits learns it.
function M.finish(link)
  for _, id in ipairs(require "crun.link.job".numbers(link.calls)) do
    local future = link.calls[id]
    link.calls[id] = nil
    future:set_result(DEAD, link.reason)
  end
end

return M
