-- SPDX-License-Identifier: MIT

--- Methods of proxies returned nils behind their results, and so math.max(1, value:get()) failed in
--- a worker where it works at the owner.
local crun = require "crun"
local links = require "spec.support.links"

local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

local function yes() return true end

--- By class, calls that can be made in this order without waiting.
local CALLS = {
  Queue = {
    { "put", 1 }, { "put", 2, 0 }, { "qsize" }, { "maxsize" }, { "empty" }, { "full" }, { "get" },
    { "get_nowait" }, { "get_nowait" }, { "get", 0 }, { "task_done" }, { "join", 0 }, { "close" },
    { "closed" }, { "put", 3 }, { "get" },
  },
  PriorityQueue = { { "put", 1 }, { "get" } },
  LifoQueue = { { "put", 1 }, { "get" } },
  Channel = { { "send", 1, 0 }, { "recv", 0 }, { "capacity" } },
  Lock = {
    { "acquire" }, { "locked" }, { "release" }, { "hold" }, { "release" }, { "with", select, 2, 1 },
  },
  RWLock = {
    { "read_acquire" }, { "read_release" }, { "write_acquire" }, { "write_release" },
    { "hold_write" }, { "write_release" },
  },
  Semaphore = { { "acquire" }, { "acquire", 0 }, { "value" }, { "release" } },
  Event = { { "is_set" }, { "wait", 0 }, { "set" }, { "wait" }, { "clear" } },
  Condition = {
    { "acquire" }, { "notify" }, { "notify_all" }, { "wait", 0 }, { "wait_for", yes },
    { "release" },
  },
  Barrier = {
    { "parties" }, { "n_waiting" }, { "broken" }, { "wait" }, { "abort" }, { "wait" }, { "reset" },
  },
  WaitGroup = { { "add", 1 }, { "count" }, { "done" }, { "wait" } },
  Future = {
    { "done" }, { "status" }, { "result" }, { "exception" }, { "get", 0 },
    { "set_result", 1, 2, 3, 4 }, { "result" }, { "get" }, { "join" }, { "cancel" },
    { "cancelled" },
  },
  Dict = {
    { "set", "a", 1 }, { "get", "a" }, { "get", "b" }, { "setdefault", "b", 2 }, { "add", "a" },
    { "update", {} }, { "keys" }, { "copy" }, { "len" }, { "pop", "a" }, { "clear" },
  },
  List = {
    { "append", 1 }, { "insert", 2 }, { "get", 1 }, { "set", 1, 3 }, { "extend", {} }, { "copy" },
    { "len" }, { "remove" }, { "clear" },
  },
  Value = { { "get" }, { "set", 1 }, { "add" }, { "swap", 2 } },
}

local MAKERS = {
  Barrier = function() return crun.Barrier(1) end,
  Dict = function() return crun.Manager():dict() end,
  List = function() return crun.Manager():list() end,
  Value = function() return crun.Manager():Value(0) end,
}

local function make(class)
  local object = (MAKERS[class] or crun[class])()
  return object
end

--- How many results each call gives.
local function counts(object, calls)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = call[1] .. " " .. select("#", object[call[1]](object, table.unpack(call, 2)))
  end
  return list
end

describe("a method of a proxy", function()
  for class, calls in pairs(CALLS) do
    it("returns as many values as that of the " .. class, function()
      local here = counts(make(class), calls)
      local thread = crun.Thread { target = counts, args = { make(class), calls } }
      assert(thread:start())
      assert.same(here, thread:get())
    end)
  end
end)
