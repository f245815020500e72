-- SPDX-License-Identifier: MIT

local crun = require "crun"
local links = require "spec.support.links"
local support = require "spec.support"
local both = support.both

local Link = require "crun.link"

-- What is sent uses the program's globals, and not those that busted makes for each file.
local describe, assert = describe, assert
local _ENV = links.globals -- luacheck: ignore _ENV

--- Runs the body with both ends; they are closed behind it.
local function linked(body)
  return function()
    local here, there = links.pair()
    body(here, there)
    here:close()
    there:join()
    here:join()
    support.settle()
  end
end

--- What a function leaves behind in the worker, which is this state, too.
local function closer(log, name)
  return setmetatable({}, { __close = function() log(name) end })
end

describe("a link", function()
  both("runs functions at the other end and brings their results", linked(function(here, there)
    local function add(a, b) return a + b, "and more", nil end
    local future = here:submit(add, 3, 4)
    assert.equal("pending", future:status())
    assert.same({ n = 3, 7, "and more" }, table.pack(future:get()))
    assert.equal(12, there:submit(add, 5, 7):get())
  end))

  both("keeps many requests apart", linked(function(here)
    local futures = {}
    for i = 1, 50 do
      futures[i] = here:submit(function(n)
        crun.sleep((50 - n) / 1000)
        return n
      end, i)
    end
    for i = 1, 50 do assert.equal(i, futures[i]:get()) end
  end))

  both("brings errors with the traceback of where they were raised", linked(function(here)
    local future = here:submit(function()
      local function culprit() error({ code = 7 }) end
      culprit()
    end)
    local ok, err = pcall(future.get, future)
    assert.is_false(ok)
    assert.same({ code = 7 }, err)
    assert.matches("culprit", future:traceback())
    assert.equal("failed", future:status())
  end))

  both("tells errors that cannot be sent as text", linked(function(here)
    local future = here:submit(function()
      error(setmetatable({ co = coroutine.create(print) }, { __tostring = function()
        return "my own text"
      end }))
    end)
    assert.error_matches(function() future:get() end, "^my own text$")
  end))

  both("names what cannot be sent at the caller's line", linked(function(here)
    local ok, err = pcall(function() here:submit(print, 1, { co = coroutine.create(print) }) end)
    assert.is_false(ok)
    assert.matches("^spec/link_spec.lua:%d+: args%[2%].co: thread cannot be sent", err)
    ok, err = pcall(function() here:call_soon(print, coroutine.create(print)) end)
    assert.is_false(ok)
    assert.matches("^spec/link_spec.lua:%d+: args%[1%]: thread cannot be sent", err)
    local future = here:submit(function() return 1, coroutine.create(print) end)
    assert.error_matches(function() future:get() end, "^results%[2%]: thread cannot be sent")
  end))

  both("passes a cancel on and waits for the clean-up there", linked(function(here)
    local future = here:submit(function()
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(crun.sleep, 0.05)
      end })
      crun.sleep(1000)
    end)
    support.settle()
    local start = crun.now()
    assert.is_true(future:cancel("enough"))
    assert.equal("pending", future:status())
    future:join()
    assert.equal("cancelled", future:status())
    assert.equal("enough", future:exception().reason)
    assert.matches("link_spec", future:exception().origin)
    support.took(start, 0.05)
    assert.is_false(future:cancel())
  end))

  both("cancels what has not begun", linked(function(here)
    local future = here:submit(function() error("it ran") end)
    future:cancel("early")
    future:join()
    assert.equal("cancelled", future:status())
  end))

  both("returns a result that came before the cancel", linked(function(here)
    local future = here:submit(function() return "early" end)
    future:join()
    assert.is_false(future:cancel())
    assert.equal("early", future:get())
  end))

  both("is left by gather with all calls cancelled", linked(function(here)
    local slow = here:submit(function() crun.sleep(1000) end)
    local bad = here:submit(function() error("bad", 0) end)
    assert.error_matches(function() crun.gather(slow, bad) end, "^bad$")
    assert.equal("cancelled", slow:status())
  end))

  both("calls soon, without answer", linked(function(here)
    local failures = support.collect_failures()
    here:call_soon(function() error("reported there", 0) end)
    here:submit(function() end):get()
    support.settle()
    crun.on_error = nil
    assert.equal("reported there", failures[1].err)
  end))

  both("fails what is pending at the end", function()
    local here, there = links.pair()
    local log = support.log()
    local future = here:submit(function() crun.sleep(1000) end)
    here:on_close(log)
    support.settle()
    there:close()
    assert.error_matches(function() future:get() end, "^ECLOSED: the worker has ended$")
    assert.equal("ECLOSED: the worker has ended", here:closed())
    assert.is_true(here:join())
    support.settle()
    assert.equal("ECLOSED: the worker has ended", log:text())
    assert.error_matches(function() here:submit(print):get() end, "^ECLOSED")
  end)

  both("says what became of a worker that vanished", function()
    local a, b = links.ports()
    local link = Link.new(a, { explain = function() return "worker 7 was struck by lightning" end })
    local future = link:submit(print)
    b:close()
    assert.error_matches(function() future:get() end,
      "^EWORKERDIED: worker 7 was struck by lightning$")
    link:join()
  end)

  both("cancels what runs for an end that is gone", function()
    local here, there = links.pair()
    local log = support.log()
    _G.link_spec_close = closer(log, "closed")
    here:call_soon(function() end)
    local future = here:submit(function()
      local _ <close> = _G.link_spec_close
      crun.sleep(1000)
    end)
    support.settle()
    here:close()
    there:join()
    there:serve()
    _G.link_spec_close = nil
    assert.equal("failed", future:status())
    assert.error_matches(function() future:get() end, "^ECLOSED")
  end)

  both("hands messages of others to their handlers", linked(function(here, there)
    local got = crun.Queue()
    there:on(70, function(id, aux, ...) got:put { id, aux, ... } end)
    here:post(70, 5, 6, "a", nil, "c")
    assert.same({ 5, 6, "a", nil, "c" }, got:get())
  end))

  both("serves until it is told to end and its jobs are over", linked(function(here, there)
    local log = support.log()
    local serving = crun.spawn(function()
      there:serve()
      log "served"
    end)
    local future = here:submit(function() crun.sleep(0.1) return 1 end)
    here:finish()
    support.settle()
    assert.equal("", log:text())
    assert.equal(1, future:get())
    serving:join()
    assert.equal("served", log:text())
  end))
end)

describe("a worker's main chunk", function()
  both("serves its parent and says goodbye", function()
    local a, b = links.ports()
    local link = Link.new(a)
    local worker = require "crun.worker"
    local main = crun.spawn(worker.main, b, { name = "w" })
    link:init { name = "first" }
    assert.equal("first", link:submit(function() return require "crun.worker".link.name end):get())
    link:finish()
    assert.equal(0, main:get())
    link:join()
    assert.matches("^ECLOSED", link:closed())
    worker.link = nil
  end)
end)
