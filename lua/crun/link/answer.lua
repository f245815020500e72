-- SPDX-License-Identifier: MIT
--
-- Answers to the requests of proxies, and the tasks that find them. Each request gets one REPLY.
--
-- An item in a REPLY is kept until it has arrived. The other end counts those in memory that it
-- shares with the owner, so that the owner knows exactly, even of an end that was killed: what has
-- not arrived goes back to the front of its queue.

local Agent = require "crun.link.agent"
local core = require "crun.core"
local job = require "crun.link.job"
local kinds = require "crun.link.kinds"
local refer = require "crun.link.refer"
local words = require "crun.link.words"

local remote = core.remote
local M = {}

---What a link needs for it.
function M.prepare(link)
  link.serving = {}   -- by id: tasks and agents that run a method
  link.withdrawn = {} -- by id: true where the client does not want it any more
  link.sent_from, link.sent_items = {}, {} -- by serial: items on their way, and their queues
  link.first_sent, link.last_sent = 1, 0
end

---Why nothing is begun any more.
M.ENDING = "ECLOSED: the owner's program is ending"

-- --- answering -----------------------------------------------------------------------------------

---Sends a REPLY. Returns whether the values could be sent.
local function post(link, id, outcome, ...)
  local port = link.port
  link.serial, link.referred = link.serial + 1, nil
  local ok, err = pcall(port.post, port, kinds.REPLY, id, outcome, ...)
  if link.referred then refer.settle(link, ok) end
  if ok then return true end
  post(link, id, kinds.RAISED, words.results(err))
  return false
end

---Without a position in here, where the method was called: the caller's is at the other end.
local function without_position(err)
  return type(err) == "string" and err:gsub("^[^\n:]*crun/link/%a+%.lua:%d+: ", "") or err
end

function M.fail(link, id, err)
  err = without_position(err)
  if not remote.is_cancelled(err) then
    post(link, id, kinds.RAISED, job.portable(err))
  elseif link.withdrawn[id] then
    post(link, id, kinds.WITHDRAWN)
  else
    post(link, id, kinds.ENDED, job.portable(err.reason), err.origin)
  end
end

---Answers with what a protected call of a method has returned.
function M.values(link, _, id, ok, ...)
  if link.reason then return end
  if ok then
    post(link, id, kinds.VALUES, ...)
  else
    M.fail(link, id, ...)
  end
end
local answer = M.values

function M.put_back(object, item)
  if remote.state(object) then return core.shield(object.put_back, object, item) end
  remote.put_back(object, item)
end

---Forgets the items that have arrived.
function M.arrived(link)
  local count = math.min(link.arrivals:read(), link.last_sent)
  for serial = link.first_sent, count do
    link.sent_from[serial], link.sent_items[serial] = nil, nil
  end
  link.first_sent = math.max(count + 1, link.first_sent)
end

---Gives the other end what it counts arrivals by. Returns nothing, or why that cannot be.
local function make_tally(link)
  local tally, message = remote.tally()
  if not tally then return message end
  local ok, err = pcall(link.post, link, kinds.TALLY, 0, 0, tally)
  tally:seal()
  if not ok then return err end
  link.arrivals = tally
  return nil
end

local LOOK = 16 -- items sent between two looks at how many have arrived

---The same for a method that brings an item: without code, the value is one.
function M.item(link, object, id, ok, item, message, code)
  if not ok or code ~= nil then return answer(link, object, id, ok, item, message, code) end
  local problem = not link.arrivals and not link.reason and make_tally(link)
  if problem then answer(link, object, id, false, problem) end
  if problem or link.reason or not post(link, id, kinds.ITEM, item) then
    return M.put_back(object, item)
  end
  local serial = link.last_sent + 1
  link.last_sent = serial
  link.sent_from[serial], link.sent_items[serial] = object, item
  if serial % LOOK == 0 then M.arrived(link) end
end

---The same in a loop, which a nil would end.
function M.next(link, object, id, ok, item, message, code)
  if ok and item == nil and code == nil then
    M.put_back(object, nil)
    return answer(link, object, id, false, "a nil item ends a for loop: fetch it by itself")
  end
  M.item(link, object, id, ok, item, message, code)
end


-- --- running what may wait -----------------------------------------------------------------------

local function conclude(link, object, id, reply, ...)
  link.serving[id] = nil
  reply(link, object, id, ...)
  link.withdrawn[id] = nil
end

local function run(link, object, id, reply, fn, ...)
  conclude(link, object, id, reply, pcall(fn, object, ...))
end

---Calls fn(object, ...) in a task of its own. It is not the owner's work: the program does not wait
---for it at its end.
function M.in_task(link, object, id, reply, fn, ...)
  if remote.finished() then return M.fail(link, id, M.ENDING) end
  local task = core.spawn(run, link, object, id, reply, fn, ...)
  task.daemon = true
  link.serving[id] = task
end

---The WITHDRAW of the other end. A task that had not begun never will.
function M.withdraw(link, id)
  local task = link.serving[id]
  if not task then return end
  link.withdrawn[id] = true
  if getmetatable(task) == Agent then return task:withdraw(id) end
  task:cancel("withdrawn")
  if task:done() then
    link.serving[id], link.withdrawn[id] = nil, nil
    post(link, id, kinds.WITHDRAWN)
  end
end

return M
