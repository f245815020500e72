-- SPDX-License-Identifier: MIT

local crun = require "crun"

-- A callback of on_done that had been removed stayed in its task's or Future's list, and with it
-- all that its function referred to.
describe("callbacks that are removed", function()
  local KINDS = {
    task = function()
      local task = crun.spawn(crun.sleep, 60)
      return task, function() task:cancel() end
    end,
    future = function()
      local future = crun.Future()
      return future, function() future:set_result() end
    end,
  }

  for kind, make in pairs(KINDS) do
    it("go: " .. kind, function()
      local subject, finish = make()
      local function add_and_remove()
        for _ = 1, 5000 do subject:on_done(function() end):remove() end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      local before = add_and_remove()
      assert.truthy(add_and_remove() - before < 200)
      finish()
      subject:join()
    end)

    it("leave the others in their order: " .. kind, function()
      local subject, finish = make()
      local called, handles = {}, {}
      for i = 1, 40 do
        handles[i] = subject:on_done(function() called[#called + 1] = i end)
      end
      for i = 1, 40 do
        if i % 4 ~= 0 then handles[i]:remove() end
        handles[1]:remove()
      end
      subject:on_done(function()
        called[#called + 1] = "last"
        handles[40]:remove()
      end)
      finish()
      subject:join()
      crun.yield()
      assert.equal("4 8 12 16 20 24 28 32 36 40 last", table.concat(called, " "))
    end)
  end

  it("need a handle to be removed by", function()
    local handle = crun.Future():on_done(print)
    assert.has_error(function() handle.remove {} end,
      "bad argument #1 to 'remove' (crun.Callback expected, got table)")
  end)
end)
