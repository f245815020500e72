-- SPDX-License-Identifier: MIT

-- A Supervisor with real processes and threads; synchronised by what it tells.

local crun = require "crun"
local links = require "spec.support.links"
local process = require "spec.support.process"
local support = require "spec.support"

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, it, assert = describe, it, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- A supervisor with these options, and a function that waits for its next event of that kind.
local function supervise(options)
  local news = crun.Queue()
  options.on_event = function(event) news:put(event) end
  options.backoff = options.backoff or 0.001
  local sup = crun.Supervisor(options):start()
  local function await(what)
    while true do
      local event = assert(news:get(20))
      if event.what == what then return event end
    end
  end
  return sup, await
end

describe("Supervisor of processes", function()
  it("replaces one that is killed, and ends them by SIGTERM", function()
    local sup, await = supervise { function() crun.sleep(60) end }
    local first = await "started".worker
    local pid = first.pid
    first:kill()
    assert.equal("was killed by signal 9 (SIGKILL)", await "ended".ending.text)
    local second = await "started".worker
    assert.not_equal(pid, second.pid)
    assert.is_true(sup:stop(20))
    assert.equal("was killed by signal 15 (SIGTERM)", await "ended".ending.text)
    assert.is_false(second:is_alive())
  end)

  it("tells exit codes and errors apart", function()
    local sup, await = supervise {
      restart = "on-failure", max_restarts = 1, backoff = 0.2,
      { name = "good", target = function() return "unused" end },
      { name = "exit", target = os.exit, args = { 7 } },
      { name = "fail", target = function() error("no bread", 0) end },
    }
    local texts = {}
    for _ = 1, 3 do
      local event = await "ended"
      texts[event.name] = event.ending.text
    end
    assert.equal("exited with status 0", texts.good)
    assert.equal("exited with status 7", texts.exit)
    assert.equal("failed: no bread", texts.fail)
    assert.matches("gave up", tostring(support.raised(sup.get, sup)))
  end)

  it("passes arguments at each start", function()
    local queue = crun.Queue()
    local sup = supervise {
      { target = function(q, word) q:put(word) crun.sleep(60) end, args = { queue, "hello" } },
    }
    assert.equal("hello", queue:get(20))
    sup:workers()[1].worker:kill()
    assert.equal("hello", queue:get(20))
    assert.is_true(sup:stop(20))
  end)

  it("kills what does not end in time", function()
    local queue = crun.Queue()
    local sup, await = supervise {
      shutdown = 0.05,
      { args = { queue }, target = function(q)
        crun.shield(function()
          q:put("deaf")
          crun.sleep(60)
        end)
      end },
    }
    assert.equal("deaf", queue:get(20))
    assert.is_true(sup:stop(20))
    assert.equal(0.05, await "killed".after)
    assert.equal("was killed by signal 9 (SIGKILL)", await "ended".ending.text)
  end)

  it("reports what can never be started", function()
    local event = crun.current()
    local sup, await = supervise { max_restarts = 1, { args = { event }, target = print } }
    assert.matches("^could not be started: .*crun%.Task cannot be sent", await "ended".ending.text)
    assert.matches("gave up", tostring(support.raised(sup.get, sup)))
  end)
end)

describe("Supervisor", function()
  it("ends its workers when a signal comes right after their start", function()
    local result = process.run [[
      local crun = require "crun"
      local function signal() io.popen("kill -TERM $PPID"):close() end
      local ended = crun.Event()
      crun.Supervisor { { make = function()
        return {
          start = function() crun.call_soon(signal) end,
          join = function() return ended:wait() end,
          terminate = function()
            print("told to end")
            ended:set()
          end,
        }
      end } }:run()
    ]]
    assert.equal("told to end\n", result.out)
    assert.is_nil(result.err:find("deadlock", 1, true))
    if process.under_crun then assert.equal(143, result.status) end
  end)
end)

describe("Supervisor of threads", function()
  it("replaces one that fails, and cancels them at the end", function()
    local queue, answers = crun.Queue(), crun.Queue()
    local sup, await = supervise {
      on = "threads",
      { args = { queue, answers }, target = function(q, back)
        local word = q:get()
        if word == "fail" then error("no bread", 0) end
        if word == "return" then return end
        back:put("waiting")
        crun.sleep(60)
      end },
    }
    await "started"
    queue:put("fail")
    local ending = await "ended".ending
    assert.equal("failed: no bread", ending.text)
    queue:put("return")
    assert.equal("returned", await "ended".ending.text)
    queue:put("wait")
    assert.equal("waiting", answers:get(20))
    assert.is_true(sup:stop(20))
    assert.matches("cancelled", await "ended".ending.text)
  end)
end)
