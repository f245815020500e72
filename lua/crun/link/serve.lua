-- SPDX-License-Identifier: MIT
--
-- The owner's side of proxies: each REQUEST runs a method of an exported object, and is answered by
-- one REPLY. What cannot wait runs in the reader itself; what may wait gets a task, unless it turns
-- out that there is nothing to wait for.
--
-- An item in a REPLY is kept until it has arrived. The other end counts those in memory that it
-- shares with the owner, so that the owner knows exactly, even of an end that was killed: what has
-- not arrived goes back to the front of its queue.

local Agent = require "crun.link.agent"
local core = require "crun.core"
local job = require "crun.link.job"
local kinds = require "crun.link.kinds"
local methods = require "crun.proxy.methods"
local refer = require "crun.link.refer"

local remote = core.remote
local M = {}

---What a link needs for it.
function M.prepare(link)
  link.serving = {}   -- by id: tasks and agents that run a method
  link.withdrawn = {} -- by id: true where the client does not want it any more
  link.agents = {}    -- by client
  link.units = {}     -- by semaphore: units that the other end has got
  link.sent_from, link.sent_items = {}, {} -- by serial: items on their way, and their queues
  link.first_sent, link.last_sent = 1, 0
end

local ENDING = "ECLOSED: the owner's program is ending"

-- --- answering -----------------------------------------------------------------------------------

local function word_results(message)
  return (message:gsub("^args%[", "results["))
end

---Sends a REPLY. Returns whether the values could be sent.
local function post(link, id, outcome, ...)
  local port = link.port
  link.serial, link.referred = link.serial + 1, nil
  local ok, err = pcall(port.post, port, kinds.REPLY, id, outcome, ...)
  if link.referred then refer.settle(link, ok) end
  if ok then return true end
  post(link, id, kinds.RAISED, word_results(err))
  return false
end

local function fail(link, id, err)
  if not remote.is_cancelled(err) then
    post(link, id, kinds.RAISED, job.portable(err))
  elseif link.withdrawn[id] then
    post(link, id, kinds.WITHDRAWN)
  else
    post(link, id, kinds.ENDED, job.portable(err.reason), err.origin)
  end
end

---Answers with what a protected call of a method has returned.
local function answer(link, _, id, ok, ...)
  if link.reason then return end
  if ok then
    post(link, id, kinds.VALUES, ...)
  else
    fail(link, id, ...)
  end
end
M.answer = answer

local function put_back(object, item)
  if remote.state(object) then return core.shield(object.put_back, object, item) end
  remote.put_back(object, item)
end

---Forgets the items that have arrived.
local function arrived(link)
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
local function answer_item(link, object, id, ok, item, message, code)
  if not ok or code ~= nil then return answer(link, object, id, ok, item, message, code) end
  local problem = not link.arrivals and not link.reason and make_tally(link)
  if problem then answer(link, object, id, false, problem) end
  if problem or link.reason or not post(link, id, kinds.ITEM, item) then
    return put_back(object, item)
  end
  local serial = link.last_sent + 1
  link.last_sent = serial
  link.sent_from[serial], link.sent_items[serial] = object, item
  if serial % LOOK == 0 then arrived(link) end
end

---The same in a loop, which a nil would end.
local function answer_next(link, object, id, ok, item, message, code)
  if ok and item == nil and code == nil then
    put_back(object, nil)
    return answer(link, object, id, false, "a nil item ends a for loop: fetch it by itself")
  end
  answer_item(link, object, id, ok, item, message, code)
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
local function in_task(link, object, id, reply, fn, ...)
  if remote.finished() then return fail(link, id, ENDING) end
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

-- --- how methods are run -------------------------------------------------------------------------

local modes = {}

function modes.now(name)
  return function(link, object, id, _, ...)
    return answer(link, object, id, pcall(object[name], object, ...))
  end
end

function modes.wait(name)
  return function(link, object, id, _, ...)
    return in_task(link, object, id, answer, object[name], ...)
  end
end

function modes.put(name, attempt)
  return function(link, object, id, _, item, timeout)
    local ok, done, message, code = pcall(object[attempt], object, item)
    if code == "EAGAIN" then
      return in_task(link, object, id, answer, object[name], item, timeout)
    end
    return answer(link, object, id, ok, done, message, code)
  end
end

local function getter(reply)
  return function(name, attempt)
    local waits = name ~= attempt
    return function(link, object, id, _, timeout)
      local ok, item, message, code = pcall(object[attempt], object)
      if code == "EAGAIN" and waits then
        local get = object.get or object.recv
        return in_task(link, object, id, reply, get, timeout)
      end
      return reply(link, object, id, ok, item, message, code)
    end
  end
end

modes.get = getter(answer_item)
modes.next = getter(answer_next)

function modes.back()
  return function(link, object, id, _, item)
    return answer(link, object, id, pcall(put_back, object, item))
  end
end

---Methods in the name of the calling task: `held` is what gives a hold back that this one takes,
---`given` whether it gives one back itself.
local function by_agent(name, held, given)
  return function(link, object, id, client, ...)
    if not link.agents[client] and remote.finished() then return fail(link, id, ENDING) end
    local agent = link.agents[client] or Agent.new(link, client)
    link.serving[id] = agent
    return agent:ask(id, object, name, held, given, ...)
  end
end

function modes.take(name, give) return by_agent(name, give, false) end
function modes.give(name) return by_agent(name, nil, true) end
function modes.own(name) return by_agent(name, nil, false) end

local function count_units(link, object, n)
  local left = (link.units[object] or 0) + n
  link.units[object] = left ~= 0 and left or nil
end

---A unit that was taken when the link was over goes back.
local function answer_unit(link, object, id, ok, got, ...)
  if ok and got then
    if link.reason then return object:release() end
    count_units(link, object, 1)
  end
  return answer(link, object, id, ok, got, ...)
end

function modes.unit(name)
  return function(link, object, id, _, timeout)
    local ok, got, message, code = pcall(object[name], object, 0)
    if code == "ETIMEDOUT" and timeout ~= 0 then
      return in_task(link, object, id, answer_unit, object[name], timeout)
    end
    return answer_unit(link, object, id, ok, got, message, code)
  end
end

function modes.units(name)
  return function(link, object, id, _, n)
    local ok, err = pcall(object[name], object, n)
    if ok then count_units(link, object, -(n or 1)) end
    return answer(link, object, id, ok, err)
  end
end

function modes.data(name, _, kind)
  local fn = require("crun.manager").methods(kind)[name]
  return function(link, object, id, _, ...)
    return answer(link, object, id, pcall(fn, object, ...))
  end
end

---What is itself a proxy may wait in each method.
local hop = {
  now = modes.wait, wait = modes.wait, put = modes.wait, units = modes.wait, back = modes.wait,
  take = modes.take, give = modes.give, own = modes.own,
}

function hop.get(name)
  return function(link, object, id, _, timeout)
    return in_task(link, object, id, answer_item, object[name], timeout)
  end
end

function hop.next()
  return function(link, object, id)
    return in_task(link, object, id, answer_next, object.get or object.recv)
  end
end

function hop.unit(name)
  return function(link, object, id, _, timeout)
    return in_task(link, object, id, answer_unit, object[name], timeout)
  end
end

function hop.data(name, _, kind)
  local fn = require("crun.proxy.classes")[kind].methods[name]
  return function(link, object, id, _, ...)
    return in_task(link, object, id, answer, fn, ...)
  end
end

local made = { [true] = {}, [false] = {} }

---How the methods of a kind are run, by number.
---@param kind string
---@param is_proxy boolean whether the object is itself a proxy
---@return function[] operations (link, object, id, client, ...)
function M.operations(kind, is_proxy)
  local list = made[is_proxy][kind]
  if list then return list end
  list = {}
  for number, method in ipairs(methods[kind]) do
    local name, mode, attempt = table.unpack(method)
    list[number] = (is_proxy and hop or modes)[mode](name, attempt, kind)
  end
  made[is_proxy][kind] = list
  return list
end

---The REQUEST of the other end.
function M.request(link, id, number, method, client, ...)
  local entry = link.exports[number]
  if not entry then return post(link, id, kinds.RAISED, "the object of this proxy is gone") end
  return entry.ops[method](link, entry.object, id, client, ...)
end

---A REQUEST whose values could not be made here.
function M.refuse(link, id, err)
  post(link, id, kinds.RAISED, job.portable(err))
end

-- --- the end -------------------------------------------------------------------------------------

---Calls fn(...), which gives something back to the object; in a task where that may wait. A
---semaphore may have got its unit back from somebody else by now, and refuse it.
local function give_back(object, fn, ...)
  if not remote.state(object) then
    fn(...)
  elseif not remote.finished() then
    core.spawn(fn, ...)
  end
end

---The other end is gone: what it waited for is forgotten, what it held given back, and what was on
---its way put back.
function M.finish(link)
  for _, task in pairs(link.serving) do
    if getmetatable(task) ~= Agent then task:cancel(link.reason) end
  end
  for _, agent in pairs(link.agents) do agent:finish(link.reason) end
  for object, n in pairs(link.units) do
    for _ = 1, n do give_back(object, pcall, object.release, object) end
  end
  link.units = {}
  if link.arrivals then arrived(link) end
  for serial = link.last_sent, link.first_sent, -1 do
    local object = link.sent_from[serial]
    give_back(object, put_back, object, link.sent_items[serial])
  end
end

return M
