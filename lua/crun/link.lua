-- SPDX-License-Identifier: MIT
--
-- Link: the two ends of a port as partners. Either end has functions run at the other one, answers,
-- cancels, and says goodbye. Whatever is public about workers is made of links.
--
-- One daemon task per link reads its port. What it calls must not wait, so that no link hangs on
-- another: it answers by `port:post`, which never waits, and starts a task for whatever may.

local ask = require "crun.link.ask"
local blame = require "crun.link.blame"
local core = require "crun.core"
local job = require "crun.link.job"
local kinds = require "crun.link.kinds"

local remote = core.remote
local function objects() return require "crun.link.objects" end

---@class crun.Link
---@field name? string of the worker at the other end
---@field package port table
local Link = {}
Link.__index = Link
Link.__name = "crun.Link"

local handlers = {} -- by kind: what the reader does with a message

-- --- sending -------------------------------------------------------------------------------------

---After a message has been made, or could not be: objects in it are counted, or not. Those of one
---that waits until there is room were counted when the next one was made.
local function settle(self, serial, ok)
  if self.referred and self.serial == serial then self.objects.settle(self, ok) end
end

---Sends, waiting while very much is queued. What cannot be sent is raised at the script's line;
---`word` may word that anew.
---@package
function Link:send(word, kind, id, ...)
  if self.reason then return nil, self.reason, "ECLOSED" end
  local port = self.port
  local serial = self.serial + 1
  self.serial, self.referred = serial, nil
  local ok, sent, message, code = pcall(port.send, port, kind, id, 0, ...)
  settle(self, serial, ok)
  if ok then return sent, message, code end
  if type(sent) ~= "string" then error(sent, 0) end
  blame(word and word(sent) or sent)
end

---Sends without ever waiting. Raises what cannot be sent.
---Switches: never.
---@param kind integer from 64 on
---@param id integer
---@param aux integer
---@param ... any
---@return true? sent, string? message, string? code "ECLOSED"
function Link:post(kind, id, aux, ...)
  if self.reason then return nil, self.reason, "ECLOSED" end
  local port = self.port
  local serial = self.serial + 1
  self.serial, self.referred = serial, nil
  local ok, sent, message, code = pcall(port.post, port, kind, id, aux, ...)
  settle(self, serial, ok)
  if ok then return sent, message, code end
  blame(sent)
end

-- --- asking the other end ------------------------------------------------------------------------

Link.submit, Link.call_soon = ask.submit, ask.call_soon

for kind, handler in pairs(ask.handlers) do handlers[kind] = handler end

-- --- being asked ---------------------------------------------------------------------------------

handlers[kinds.RUN] = function(self, id, _, fn, ...)
  job.start(self, id, fn, ...)
end

handlers[kinds.CALL] = function(_, _, _, fn, ...)
  if not remote.finished() then core.call_soon(fn, ...) end
end

handlers[kinds.CANCEL] = function(self, id, _, reason, origin)
  core.cancel_each({ self.jobs[id] }, remote.cancelled(reason, origin), 1)
end

handlers[kinds.FINISH] = function(self)
  self.finished:set()
end

handlers[kinds.CLOSE] = function(self)
  self:finish_with("ECLOSED: the worker has ended", true)
end

---Those that are known stay as they are there, so that all can be sent again.
handlers[kinds.REFUSED] = function(self)
  self.port:known()
end

handlers[kinds.INIT] = function(self, _, _, info)
  self.name = info.name
  package.path, package.cpath = info.path, info.cpath
end

---Handles messages of a kind from 64 on: handler(id, aux, ...), run by the reader, must not wait.
---@param kind integer
---@param handler fun(id: integer, aux: integer, ...: any)
function Link:on(kind, handler)
  self.handlers[kind] = function(_, ...) return handler(...) end
end

---Handles messages of a kind from 64 on whose values could not be made here; as `on`.
---@param kind integer
---@param handler fun(id: integer, aux: integer, err: any)
function Link:on_refused(kind, handler)
  self.refused[kind] = handler
end

-- --- the reader ---------------------------------------------------------------------------------

---A message whose values could not be made here: who sent a request gets the error.
local function refuse(self, kind, id, aux, err)
  self:post(kinds.REFUSED, 0, 0)
  local refused = self.refused[kind]
  if refused then
    refused(id, aux, err)
  elseif kind == kinds.RUN then
    self:post(kinds.ERROR, id, 0, job.portable(err), "")
  elseif kind == kinds.RESULT or kind == kinds.ERROR then
    ask.refuse(self, id, err)
  elseif kind == kinds.REQUEST or kind == kinds.REPLY then
    self.objects.refuse(self, kind, id, aux, err)
  else
    error(err, 0)
  end
end

---Handles one message. Returns true until the port has ended; then false and why.
local function handle(self, kind, id, aux, ...)
  if not kind then return false, id end
  if kind < 0 then
    refuse(self, -kind, id, aux, (...))
    return true
  end
  local handler = self.handlers[kind]
  if not handler then error("a message of the unknown kind " .. kind, 0) end
  handler(self, id, aux, ...)
  return true
end

---Handles messages until the port has ended. Returns why.
local function handle_all(self)
  local port = self.port
  local going, why
  repeat
    going, why = handle(self, port:recv())
  until not going or self.reason
  return why
end

---The body of the reader, which nothing ends but the end of the link, or of the program.
local function read(self)
  local _, why = pcall(handle_all, self)
  if self.reason then return end
  if remote.is_cancelled(why) then return self:close() end
  local explained = self.explain and self.explain()
  self:finish_with("EWORKERDIED: " .. (explained or tostring(why)), false)
end

-- --- the end -------------------------------------------------------------------------------------

---Ends the link: pending futures fail, what runs for the other end is cancelled.
---@package
function Link:finish_with(reason, orderly, own)
  if self.reason then return end
  self.reason, self.orderly = reason, orderly
  self.port:close()
  ask.fail_pending(self, not own)
  for _, task in pairs(self.jobs) do task:cancel(reason) end
  if self.objects then self.objects.finish(self) end
  self.finished:set()
  self.over:set()
  if remote.finished() then return end
  for _, fn in ipairs(self.closers) do core.call_soon(fn, reason) end
end

---Says goodbye and ends the link.
---Switches: never.
function Link:close()
  if self.reason then return end
  self:post(kinds.CLOSE, 0, 0)
  self.port:flush()
  self:finish_with("ECLOSED: the link was closed", true, true)
end

---Tells the other end that nothing more will be asked of it: it ends once its jobs have.
---Switches: never.
function Link:finish()
  return self:post(kinds.FINISH, 0, 0)
end

---Why the link is over, nil while it is not.
---Switches: never.
---@return string? reason "ECLOSED: ..." after a goodbye, else "EWORKERDIED: ..."
function Link:closed()
  return self.reason
end

---Calls fn(reason) once the link is over, in a task of its own.
---Switches: never.
---@param fn fun(reason: string)
function Link:on_close(fn)
  if self.reason then
    core.call_soon(fn, self.reason)
  else
    self.closers[#self.closers + 1] = fn
  end
end

---Waits until the link is over. May wait.
---@param timeout? number seconds
---@return true? over, string? message, string? code "ETIMEDOUT"
function Link:join(timeout)
  return self.over:wait(timeout)
end

---Waits until the other end has finished asking, or is gone, and what ran for it has ended.
---May wait.
function Link:serve()
  self.finished:wait()
  self.running:wait()
end

---What the parent tells its worker first.
---@param info {name?: string} and whatever else the worker shall find in link.info
function Link:init(info)
  local sent = { path = package.path, cpath = package.cpath }
  for key, value in pairs(info) do sent[key] = value end
  return self:post(kinds.INIT, 0, 0, sent)
end

function Link:__tostring()
  return ("crun.Link%s: %s"):format(self.to and " " .. self.to or "", self.reason or "open")
end

-- --- making one ---------------------------------------------------------------------------------

---A link over a port, which is its own from then on.
---@param port table
---@param options? {to?: string, explain?: fun(): string?} `to`: "to a process", for error texts;
---  `explain` says what became of the other end, once its port has ended without a goodbye
---@return crun.Link
function Link.new(port, options)
  options = options or {}
  local self = setmetatable({
    port = port, to = options.to, explain = options.explain,
    serial = 0,     -- of the message that is being sent
    jobs = {},      -- by number: tasks that run for the other end
    closers = {},
    refused = {},   -- by kind: handlers of messages whose values could not be made
    finished = core.Event(), over = core.Event(), running = core.WaitGroup(),
    handlers = table.move(handlers, 1, #handlers, 1, {}),
  }, Link)
  ask.prepare(self)
  port:hooks(function(object) return objects().refer(self, object) end,
    function(text) return objects().resolve(self, text) end, self.to)
  port:known()
  self.reader = core.spawn(read, self)
  self.reader.name = "link " .. (options.to or "")
  remote.lasting(self.reader)
  return self
end

return Link
