-- SPDX-License-Identifier: MIT
--
-- A worker of `crun --workers`: what is different for the script that it runs. Listening sockets
-- come from the master, so that they outlive this process; and SIGTERM, the master's word or the
-- master's death lets the connections come to their end before everything is cancelled.

local core = require "crun.core"
local kinds = require "crun.prefork.kinds"

local drain, net = core.drain, core.net

local M = {}

---Set once the worker accepts no more connections: handlers that could go on for ever, as between
---two requests of one connection, may look at it. Never set but in a worker of `crun --workers`.
M.draining = core.Event()

---Which of the workers this is, from 1 on; nil in any other process.
M.worker_id = nil

-- --- listening -----------------------------------------------------------------------------------

local port -- to the master
local last_request = 0
local requests = {} -- futures by number; false: nobody waits for it any more

---What the master's listen has said about the arguments is said here.
local function refuse(message)
  error(message:match("bad argument.*") or message, 3)
end

local function ask(host, number, options)
  last_request = last_request + 1
  local id, future = last_request, core.Future()
  requests[id] = future
  local sent, message, code = port:post(kinds.LISTEN, id, 0, host, number, options)
  if not sent then
    requests[id] = nil
    return kinds.FAILED, message, code
  end
  local ok, outcome, value, more = pcall(future.get, future)
  if not ok then
    requests[id] = false
    error(outcome, 0)
  end
  return outcome, value, more
end

---The rest of what may be wrong with the arguments the master finds out.
local function check_type(place, value, expected)
  if type(value) == expected then return end
  error(("bad argument #%d to 'listen' (%s expected, got %s)")
    :format(place, expected, type(value)), 3)
end

---net.listen in a worker: the master listens, once for all workers that ask for the same. As
---there, a port may also be a numeral or a float.
---May wait.
function M.listen(host, number, options)
  number = tonumber(number) or number
  number = math.tointeger(number) or number
  check_type(1, host, "string")
  check_type(2, number, "number")
  if options ~= nil then check_type(3, options, "table") end
  local outcome, value, code = ask(host, number, options)
  if outcome == kinds.RAISED then refuse(value) end
  if outcome == kinds.FAILED then return nil, value, code end
  return value
end

local function start_daemon(name, fn, ...)
  local task = core.spawn(fn, ...)
  task.daemon, task.name = true, name
end

---A worker that asks for no socket is ready after so many seconds.
local READY_AFTER = 1

---Tells the master after so many seconds; nil: when whoever has just got a socket has had its turn.
---A script that fails till then is not ready: its daemons are cancelled, and do not begin.
local function tell_ready(seconds)
  start_daemon("prefork: ready", function()
    if seconds then core.sleep(seconds) end
    port:post(kinds.READY, 0, 0)
  end)
end

local function answer(id, outcome, value, code)
  local future = requests[id]
  requests[id] = nil
  if future then
    future:set_result(outcome, value, code)
    if outcome == kinds.OPENED then tell_ready() end
  elseif outcome == kinds.OPENED then
    value:close()
  end
end

-- --- the end -------------------------------------------------------------------------------------

local function end_in_order(grace)
  drain.asked()
  drain.begin()
  M.draining:set()
  drain.idle(grace)
  drain.finish()
end

---Listens to the master until it has gone. Then the worker ends: in order, or at once when the
---master had told it to end and has not waited for that.
local function hear()
  local told = false
  while true do
    local kind, id, _, outcome, value, code = port:recv()
    if kind == kinds.LISTENER then
      answer(id, outcome, value, code)
    elseif kind == -kinds.LISTENER then
      answer(id, kinds.FAILED, tostring(outcome), "ECLOSED")
    elseif kind == kinds.DRAIN then
      told = true
      drain.ask()
    elseif kind == nil then
      break
    end
  end
  for id in pairs(requests) do
    answer(id, kinds.FAILED, "ECLOSED: the master has gone", "ECLOSED")
  end
  if told then drain.finish() else drain.ask() end
end

---Before the script runs.
---May wait.
---@param to_master crun.Port
---@param id integer
function M.begin(to_master, id)
  local kind, _, _, setup = to_master:recv()
  if kind ~= kinds.SETUP then error("--prefork is how crun starts the workers of --workers", 0) end
  port = to_master
  M.worker_id = id
  drain.prepare(setup.grace)
  net.listen = M.listen
  start_daemon("prefork: the master's word", hear)
  tell_ready(READY_AFTER)
  start_daemon("prefork: drain", end_in_order, setup.grace)
end

return M
