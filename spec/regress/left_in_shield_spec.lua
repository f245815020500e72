-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

-- A task that was still waiting inside a shield when the state closed stayed in the hub's queues
-- after its memory had gone: a crash at the end of the program.
describe("a task left waiting in a shield at the program's end", function()
  local PLACES = {
    ["a queue"] = "crun.Queue():get()",
    ["the main task"] = "main:join()",
    ["a select"] = "crun.select { { crun.Event() }, { crun.Channel(), 'recv' }, { main } }",
    ["a gather"] = "crun.gather(main, crun.Future())",
    ["a group"] = "crun.group(function(g) g:spawn(crun.shield, queue.get, queue) end)",
    ["a pool"] = "crun.Pool(1):apply(crun.shield, { queue.get, queue })",
    ["a greenlet"] = "crun.Greenlet(function() queue:get() end):switch()",
    ["a lock"] = "local held <close> = lock:hold() queue:get()",
    ["a timeout"] = "pcall(crun.with_timeout, 0.001, function() crun.shield(queue.get, queue) end)",
  }

  local SCRIPT = [[
    local crun = require "crun"
    local main, queue, lock = crun.current(), crun.Queue(), crun.Lock()
    local task = crun.spawn(crun.shield, function() %s end)
    crun.sleep(0.002)
    task:cancel()
    crun.sleep(0.002)
    %s
  ]]

  for place, code in pairs(PLACES) do
    it("is a deadlock that is reported: " .. place, function()
      local result = process.run(SCRIPT:format(code, ""))
      assert.truthy(result.err:find("deadlock: every task waits", 1, true), result.err)
      assert.equal(process.under_crun and 2 or 0, result.status)
    end)

    it("does not keep os.exit from ending the program: " .. place, function()
      local exit = "crun.spawn(os.exit, 3, true) crun.sleep(1)"
      assert.equal(3, process.run(SCRIPT:format(code, exit)).status)
    end)
  end

  it("is told of, too, if it was a daemon and waits in its clean-up", function()
    local result = process.run [[
      local crun = require "crun"
      crun.spawn(function()
        pcall(crun.sleep, 100)
        crun.shield(function() crun.Queue():get() end)
      end).daemon = true
      crun.yield()
    ]]
    assert.truthy(result.err:find("task#2 waits: Queue:get (0 items)", 1, true), result.err)
  end)
end)
