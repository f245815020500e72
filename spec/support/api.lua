-- SPDX-License-Identifier: MIT

--- The public API as it is at run time: what the module has, and what its objects have.
local crun = require "crun"

local M = {}

--- A stream and its listener, closed again.
local function connection()
  local listener = assert(crun.net.listen("127.0.0.1", 0))
  local stream = assert(crun.net.connect(listener:sockname()))
  stream:close()
  listener:close()
  return stream, listener
end

--- A child process that has ended, and how.
local function process()
  local popen = assert(crun.subprocess.Popen { "true" })
  return popen, assert(popen:communicate())
end

--- One object of each class, by the class's name without "crun.".
function M.objects()
  local stream, listener = connection()
  local group <close> = crun.Group()
  local handle = crun.call_later(1, print)
  handle:cancel()
  local list = {
    Task = crun.current(), Future = crun.Future(), Handle = handle, Timer = crun.Timer(0, print),
    Group = group, Pool = crun.Pool(1), Greenlet = crun.getcurrent(),
    ContextVar = crun.ContextVar("v"),
    Lock = crun.Lock(), RLock = crun.RLock(), RWLock = crun.RWLock(), Condition = crun.Condition(),
    Semaphore = crun.Semaphore(), BoundedSemaphore = crun.BoundedSemaphore(), Event = crun.Event(),
    Barrier = crun.Barrier(1), WaitGroup = crun.WaitGroup(),
    Queue = crun.Queue(), LifoQueue = crun.LifoQueue(), PriorityQueue = crun.PriorityQueue(),
    Channel = crun.Channel(), Stream = stream, Listener = listener,
    Callback = crun.current():on_done(print),
  }
  list.Callback:remove()
  list.Supervisor = crun.Supervisor { print }
  list.Popen, list["subprocess.Result"] = process()
  local manager = crun.Manager()
  list.Manager, list.Dict, list.List = manager, manager:dict(), manager:list()
  list.Value = manager:Value()
  local pipe, other = crun.Pipe()
  list.Connection = pipe
  list.Process, list.Thread = crun.Process {}, crun.Thread {}
  list.Executor = crun.ThreadPool(1)
  list.Executor:close()
  pipe:close()
  other:close()
  return list
end

--- What an object's class has beside metamethods: methods by name. A class that finds its fields by
--- a function keeps its methods in itself, if it can be extended, or in that function's first
--- upvalue.
function M.methods(object)
  local index = debug.getmetatable(object).__index
  if type(index) == "function" then
    local class = debug.getmetatable(object)
    index = class.extend and class or select(2, debug.getupvalue(index, 1))
  end
  local methods = {}
  for name, value in pairs(index) do
    if not name:find("^__") then methods[name] = value end
  end
  return methods
end

return M
