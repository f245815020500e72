-- SPDX-License-Identifier: MIT

-- A switch is forced every N instructions of the virtual machine, by a count hook, while ordinary
-- code runs in several tasks at once and others make garbage. What the code computes must not
-- depend on it.
local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"

local corpus = {}
for _, part in ipairs { "spec.stress.corpus", "spec.stress.corpus_data" } do
  for name, fn in pairs(require(part)) do corpus[#corpus + 1] = { name = name, run = fn } end
end
table.sort(corpus, function(a, b) return a.name < b.name end)

local PLAIN = { create = coroutine.create, wrap = coroutine.wrap, yield = coroutine.yield }

--- Coroutines of hooked code are hooked too.
local function hooked_library(hook, every)
  local lib = { yield = coroutine.yield }
  function lib.create(fn)
    local co = coroutine.create(fn)
    debug.sethook(co, hook, "", every)
    return co
  end
  function lib.wrap(fn)
    local co = lib.create(fn)
    return function(...)
      local results = table.pack(coroutine.resume(co, ...))
      if not results[1] then error(results[2], 0) end
      return table.unpack(results, 2, results.n)
    end
  end
  return lib
end

--- Long intervals need longer runs to be met.
local INSTRUCTIONS_PER_ROUND = 150

local function run_hooked(entry, every, counter)
  local function hook()
    counter.switches = counter.switches + 1
    crun.yield()
  end
  local lib = hooked_library(hook, every)
  debug.sethook(hook, "", every)
  local result = entry.run(lib)
  for _ = 2, every // INSTRUCTIONS_PER_ROUND do
    assert(entry.run(lib) == result)
  end
  debug.sethook()
  return result
end

local function churn(stop)
  local keep, rounds = {}, 0
  while not stop.now do
    rounds = rounds + 1
    for i = 1, 20 do
      local finalized = setmetatable({}, { __gc = function() end })
      keep[i % 7] = { ("x"):rep(i), function() return i end, finalized }
    end
    if rounds % 16 == 0 then collectgarbage("step") end
    crun.yield()
  end
  return keep
end

--- The parts of the corpus to run: all of them, or where switches are slow and many only some,
--- others for each N.
local function chosen(every)
  local stride = every < 500 and #corpus // support.scaled(#corpus, 3) or 1
  local list = {}
  for i = 1 + every % stride, #corpus, stride do list[#list + 1] = corpus[i] end
  return list
end

local function check(expected, every, copies)
  local counter, stop = { switches = 0 }, {}
  local churner = crun.spawn(churn, stop)
  local entries, list = chosen(every), {}
  for _ = 1, copies do
    for _, entry in ipairs(entries) do
      list[#list + 1] = function() return run_hooked(entry, every, counter) end
    end
  end
  local got = crun.gather(list)
  stop.now = true
  churner:join()
  for i, result in ipairs(got) do
    local entry = entries[(i - 1) % #entries + 1]
    assert.equal(expected[entry.name], result, entry.name)
  end
  return counter.switches, #list
end

local function expectations()
  local expected = {}
  for _, entry in ipairs(corpus) do expected[entry.name] = entry.run(PLAIN) end
  return expected
end

describe("code with a switch forced every N instructions", function()
  local expected = expectations()

  it("has a corpus whose results do not vary by themselves", function()
    assert.same(expected, expectations())
  end)

  for _, every in ipairs { 1, 2, 7, 53, 200, 1000 } do
    support.both(("computes the same, N = %d"):format(every), function()
      local switches, runs = check(expected, every, every < 7 and 1 or 2)
      assert.is_true(switches > runs)
    end)
  end

  for seed = 1, 5 do
    support.both(("computes the same under the schedule of seed %d"):format(seed), function()
      core.schedule(seed)
      check(expected, 17 * seed, 1)
    end)
  end

  support.both("computes the same in the generational mode of the collector", function()
    local old = collectgarbage("generational")
    check(expected, 23, 1)
    collectgarbage(old)
  end)
end)
