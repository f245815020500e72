-- SPDX-License-Identifier: MIT
--
-- The methods that a proxy asks its owner for, by class, and how the owner runs each:
--   now    it never waits
--   len    the same for `#`, which is no method
--   wait   it may wait; the third field: how to try it without waiting, and what to try
--   put    the same for one that puts an item by trying the named method first
--   get    the same for one that brings an item
--   next   get for a loop, which an item that is nil must not end
--   back   puts an item back that has not arrived
--   take   it takes a hold, which the third field gives back, in the name of the calling task
--   give   it gives one back
--   own    it acts in the name of the calling task
--   unit   it takes a unit of a semaphore
--   units  it gives units back
--   data   it never waits, and is found by its class's name, as indexing means something else
-- The number of a method is its place in the list. `sure`: it cannot fail, so it raises at an owner
-- that is gone.

local function now(name) return { name, "now", sure = true } end

local queue_rest = {
  now "task_done", { "join", "wait" }, now "close", now "closed", now "qsize", now "maxsize",
  now "empty", now "full",
}

local function queue(put, put_nowait)
  local list = {
    put, put_nowait, { "get", "get", "get_nowait" }, { "get_nowait", "get", "get_nowait" },
    { "next", "next", "get_nowait" }, { "put_back", "back" },
  }
  return table.move(queue_rest, 1, #queue_rest, #list + 1, list)
end

local fifo = queue({ "put", "put", "put_nowait" }, { "put_nowait", "now" })

local lock = {
  { "acquire", "take", "release" }, { "release", "give", sure = true }, now "locked",
}

local semaphore = {
  { "acquire", "unit" }, { "release", "units", sure = true }, now "value",
}

local function data(...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = { name, "data", sure = true } end
  return list
end

return {
  Queue = fifo,
  LifoQueue = fifo,
  -- Its comparison may wait.
  PriorityQueue = queue({ "put", "wait" }, { "put_nowait", "wait" }),
  Channel = {
    { "send", "put", "send_nowait" }, { "send_nowait", "now" },
    { "recv", "get", "recv_nowait" }, { "recv_nowait", "get", "recv_nowait" },
    { "next", "next", "recv_nowait" }, { "put_back", "back" },
    now "close", now "closed", now "capacity", { "__len", "len", sure = true },
  },
  Lock = lock,
  RLock = lock,
  Semaphore = semaphore,
  BoundedSemaphore = semaphore,
  Event = { { "wait", "wait" }, now "set", now "clear", now "is_set" },
  Condition = {
    { "acquire", "take", "release" }, { "release", "give", sure = true },
    { "wait", "own" }, { "notify", "own", sure = true }, { "notify_all", "own", sure = true },
  },
  Barrier = {
    { "wait", "wait" }, now "abort", now "reset", now "parties", now "n_waiting", now "broken",
  },
  RWLock = {
    { "read_acquire", "take", "read_release" }, { "read_release", "give", sure = true },
    { "write_acquire", "take", "write_release" }, { "write_release", "give", sure = true },
  },
  WaitGroup = { { "wait", "wait" }, now "add", now "done", now "count" },
  Future = {
    { "join", "wait" }, { "get", "wait" }, now "set_result", now "set_error", now "cancel",
    now "result", now "exception", now "done", now "cancelled", now "status", now "traceback",
  },
  Manager = data(
    "dict", "list", "Value", "Namespace", "Queue", "LifoQueue", "PriorityQueue", "Channel", "Lock",
    "RLock", "Semaphore", "BoundedSemaphore", "Event", "Condition", "Barrier", "RWLock",
    "WaitGroup", "Future", "close"),
  Dict = data("get", "set", "pop", "setdefault", "add", "update", "keys", "copy", "clear", "len"),
  List = data("get", "set", "append", "insert", "remove", "extend", "copy", "clear", "len"),
  Value = data("get", "set", "add", "swap"),
  Namespace = data("get", "set", "copy", "len"),
}
