-- SPDX-License-Identifier: MIT
--
-- The owner's side of proxies: a REQUEST runs a method of an exported object. What cannot wait runs
-- in the reader itself; what may wait gets a task, unless there is nothing to wait for.

local Agent = require "crun.link.agent"
local answers = require "crun.link.answer"
local core = require "crun.core"
local job = require "crun.link.job"
local kinds = require "crun.link.kinds"
local methods = require "crun.proxy.methods"

local remote = core.remote
local answer, in_task, put_back = answers.values, answers.in_task, answers.put_back

local M = {}

---What a link needs for it.
function M.prepare(link)
  answers.prepare(link)
  link.agents = {} -- by client
  link.units = {}  -- by semaphore: units that the other end has got
  local handlers = link.handlers
  handlers[kinds.REQUEST], handlers[kinds.WITHDRAW] = M.request, answers.withdraw
  handlers[kinds.GONE] = M.gone
end

-- --- how methods are run -------------------------------------------------------------------------

local modes = {}

function modes.now(name)
  return function(link, object, id, _, ...)
    return answer(link, object, id, pcall(object[name], object, ...))
  end
end

local function length(object) return #object end

function modes.len()
  return function(link, object, id)
    return answer(link, object, id, pcall(length, object))
  end
end

function modes.wait(name)
  return function(link, object, id, _, ...)
    return in_task(link, object, id, answer, object[name], ...)
  end
end

---A timeout that is none: the method itself refuses it, which a try without it would not.
local function is_odd(timeout)
  return type(timeout) ~= "number" or timeout ~= timeout
end

function modes.put(name, attempt)
  return function(link, object, id, _, item, timeout)
    if timeout ~= nil and is_odd(timeout) then
      return in_task(link, object, id, answer, object[name], item, timeout)
    end
    local ok, done, message, code = pcall(object[attempt], object, item)
    if code == nil then return answer(link, object, id, ok, done) end
    if code == "EAGAIN" then
      return in_task(link, object, id, answer, object[name], item, timeout)
    end
    return answer(link, object, id, ok, done, message, code)
  end
end

local function fetch(link, object, id, reply, timeout)
  return in_task(link, object, id, reply, object.get or object.recv, timeout)
end

local function getter(reply)
  return function(name, attempt)
    local waits = name ~= attempt
    return function(link, object, id, _, timeout)
      if timeout ~= nil and waits and is_odd(timeout) then
        return fetch(link, object, id, reply, timeout)
      end
      local ok, item, message, code = pcall(object[attempt], object)
      if code == "EAGAIN" and waits then return fetch(link, object, id, reply, timeout) end
      return reply(link, object, id, ok, item, message, code)
    end
  end
end

modes.get = getter(answers.item)
modes.next = getter(answers.next)

function modes.back()
  return function(link, object, id, _, item)
    return answer(link, object, id, pcall(put_back, object, item))
  end
end

---Methods in the name of the calling task: `held` is what gives a hold back that this one takes,
---`given` whether it gives one back itself.
local function by_agent(name, held, given)
  return function(link, object, id, client, ...)
    if not link.agents[client] and remote.finished() then
      return answers.fail(link, id, answers.ENDING)
    end
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
    if timeout ~= nil and is_odd(timeout) then
      return in_task(link, object, id, answer_unit, object[name], timeout)
    end
    local ok, got, message, code = pcall(object[name], object, 0)
    if code == nil then return answer_unit(link, object, id, ok, got) end
    if code == "ETIMEDOUT" and timeout ~= 0 then
      return in_task(link, object, id, answer_unit, object[name], timeout)
    end
    return answer_unit(link, object, id, ok, got, message, code)
  end
end

function modes.units(name)
  return function(link, object, id, _, n)
    local ok, err = pcall(object[name], object, n)
    if not ok then return answer(link, object, id, false, err) end
    count_units(link, object, -(n or 1))
    return answer(link, object, id, true)
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

function hop.len()
  return function(link, object, id) return in_task(link, object, id, answer, length) end
end

function hop.get(name)
  return function(link, object, id, _, timeout)
    return in_task(link, object, id, answers.item, object[name], timeout)
  end
end

function hop.next()
  return function(link, object, id) return fetch(link, object, id, answers.next) end
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
  if not entry then return answers.fail(link, id, "the object of this proxy is gone") end
  return entry.ops[method](link, entry.object, id, client, ...)
end

---The task of the other end that an agent stands for has ended.
function M.gone(link, client)
  local agent = link.agents[client]
  if agent then agent:desert() end
end

---A REQUEST whose values could not be made here.
function M.refuse(link, id, err)
  answers.fail(link, id, job.portable(err))
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
  if link.arrivals then answers.arrived(link) end
  for serial = link.last_sent, link.first_sent, -1 do
    local object = link.sent_from[serial]
    give_back(object, put_back, object, link.sent_items[serial])
  end
end

return M
