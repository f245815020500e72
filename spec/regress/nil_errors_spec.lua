-- SPDX-License-Identifier: MIT

--- An error that is nil was taken for none: get of a Thread or a Process returned, a Pool called
--- the callback for results, and an iterator that raised it ended the loop over imap.
local crun = require "crun"

local describe, it, assert = describe, it, assert
local _ENV = require "spec.support.links".globals -- luacheck: ignore _ENV

local function raise() error() end

--- How it is called, and what that returns, which is to be the error.
local function raises_nil(fn, ...)
  local results = table.pack(pcall(fn, ...))
  assert.same({ false, nil, n = 2 }, results)
end

describe("an error that is nil is one", function()
  for _, name in ipairs { "Thread", "Process" } do
    it("of a " .. name, function()
      local worker = crun[name] { target = raise }
      assert(worker:start())
      raises_nil(worker.get, worker)
    end)
  end

  for _, name in ipairs { "Pool", "ThreadPool" } do
    it("of a job of a " .. name, function()
      local pool <close> = crun[name](1)
      local told = crun.Queue()
      local job = pool:apply_async(raise, {}, function() told:put "returned" end,
        function(err) told:put(err == nil and "failed" or "?") end)
      raises_nil(job.get, job)
      assert.equal("failed", told:get())
    end)

    it("of the iterator of an imap of a " .. name, function()
      local pool <close> = crun[name](1)
      local n = 0
      local function inputs()
        n = n + 1
        if n == 2 then error() end
        return n
      end
      local results = pool:imap(math.abs, inputs)
      assert.equal(1, results())
      raises_nil(results)
    end)
  end
end)
