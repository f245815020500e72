-- SPDX-License-Identifier: MIT

--- The clean-ups of a cancelled thread could not spawn, and so not run commands.
local crun = require "crun"
local links = require "spec.support.links"

local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

local function work(begun, results)
  local _ <close> = setmetatable({}, { __close = function()
    crun.shield(function()
      local task = crun.spawn(function() return "spawned" end)
      results:put(task:get())
    end)
  end })
  begun:set()
  crun.sleep(60)
end

for _, kind in ipairs { "Thread", "Process" } do
  describe("a cancelled " .. kind, function()
    it("can spawn in its clean-ups", function()
      local begun, results = crun.Event(), crun.Queue()
      local worker = crun[kind] { target = work, args = { begun, results } }
      worker:start()
      begun:wait()
      if kind == "Thread" then worker:cancel() else worker:terminate() end
      assert.is_true(worker:join())
      assert.equal("spawned", results:get(0))
    end)
  end)
end
