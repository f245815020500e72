-- SPDX-License-Identifier: MIT

-- Tasks whose greenlets switch and throw to each other at random, wait, fail, are cancelled and are
-- abandoned at any point, while garbage is collected. Whatever happens, every <close> runs exactly
-- once, and no stack stays in use.
local core = require "crun.core"
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"

local PROGRAMS = 12
local TASKS = 60
local DEEPEST = 5

local Chaos = {}
Chaos.__index = Chaos

local function new_chaos(seed)
  return setmetatable({
    random = random.new(seed), opened = 0, closed = 0, twice = 0, abandoned = 0, tasks = {},
    var = crun.ContextVar("v", 0), field = crun.Local({ n = 0 }, { inherit = true }),
  }, Chaos)
end

function Chaos:one_in(n)
  return self.random(n) == 1
end

function Chaos:guard()
  self.opened = self.opened + 1
  local open = true
  return setmetatable({}, { __close = function(_, err)
    if not open then self.twice = self.twice + 1 end
    open = false
    self.closed = self.closed + 1
    if tostring(err):find("not needed any more", 1, true) then
      self.abandoned = self.abandoned + 1
    end
    if self:one_in(5) then pcall(crun.sleep, 0.01) end
    if self:one_in(20) then error("chaos in a close", 0) end
  end })
end

-- What a greenlet does. `list` holds the greenlets of the task that others switch to.
local Steps = {}

function Steps.sleep(chaos) crun.sleep(chaos.random(10) / 1000) end
function Steps.yield() crun.yield() end
function Steps.fail() error("chaos", 0) end
function Steps.collect() collectgarbage("step", 200) end
function Steps.forget(_, list) table.remove(list) end

function Steps.start(chaos, list, depth)
  if depth == DEEPEST then return end
  local g = crun.Greenlet(chaos.body)
  if chaos:one_in(2) then list[#list + 1] = g end
  g:switch(chaos, list, depth + 1)
end

local function any(chaos, list)
  return list[chaos.random(#list)]
end

function Steps.switch(chaos, list)
  if #list > 0 then any(chaos, list):switch() end
end

function Steps.hand_over(chaos, list)
  if #list > 0 then
    pcall(function() any(chaos, list):switch(table.unpack({}, 1, chaos.random(40))) end)
  end
end

function Steps.throw(chaos, list)
  if #list > 0 then pcall(function() any(chaos, list):throw("chaos, thrown") end) end
end

function Steps.finish(chaos, list)
  if #list > 0 then any(chaos, list):throw() end
end

function Steps.cancel(chaos)
  any(chaos, chaos.tasks):cancel("chaos")
end

--- A coroutine of a greenlet switches, too.
function Steps.generate(chaos)
  for n in coroutine.wrap(function()
    for i = 1, 2 do
      crun.getcurrent().parent:switch(i)
      coroutine.yield(i)
    end
  end) do chaos.field.n = chaos.field.n + n end
end

function Steps.context(chaos)
  local token = chaos.var:set(chaos.random(100))
  crun.with_timeout(0.005, crun.sleep, chaos.random(10) / 1000)
  chaos.var:reset(token)
end

local NAMES = {}
for name in pairs(Steps) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

--- The body of every greenlet; those on the lists are started without arguments by whoever comes.
function Chaos:body(list, depth)
  local _ <close> = self:guard()
  for _ = 1, self.random(12) do
    Steps[NAMES[self.random(#NAMES)]](self, list, depth)
    if self:one_in(3) then crun.getcurrent().parent:switch(self.random(9)) end
  end
  return 1, 2, 3
end

--- Drops greenlets one after the other, and collects them without a switch that would unwind them.
function Chaos:abandon(list)
  while #list > 0 do
    table.remove(list, self.random(#list))
    if self:one_in(4) then crun.sleep(0.003) end
    if self:one_in(2) then collectgarbage() end
  end
end

--- The root of a task starts some greenlets and leaves them as they are, or drops them.
function Chaos:run()
  local list = {}
  for _ = 1, self.random(6) do
    local g = crun.Greenlet(function() return self:body(list, 0) end)
    list[#list + 1] = g
    pcall(g.switch, g)
    if self:one_in(4) then crun.sleep(0.003) end
  end
  if self:one_in(6) then self:abandon(list) end
  if self:one_in(4) then error("chaos in a task", 0) end
end

local function stacks_in_use()
  local stats = core.stats()
  return stats.stacks - stats.stacks_idle
end

local function play(seed)
  local before = stacks_in_use()
  local chaos = new_chaos(seed)
  for i = 1, TASKS do
    chaos.tasks[i] = crun.spawn(function()
      pcall(chaos.run, chaos)
      if chaos:one_in(6) then chaos:run() end
    end)
    if i % 10 == 0 then
      crun.sleep(0.01)
      collectgarbage()
    end
  end
  crun.joinall(chaos.tasks)
  support.settle()
  local name = "seed " .. seed
  assert.equal(chaos.opened, chaos.closed, name)
  assert.equal(0, chaos.twice, name)
  assert.equal(before, stacks_in_use(), name)
  return chaos
end

local function play_all(reseed)
  local failures = support.collect_failures()
  local opened, abandoned = 0, 0
  for seed = 1, support.scaled(PROGRAMS) do
    reseed(seed)
    local chaos = play(seed)
    opened, abandoned = opened + chaos.opened, abandoned + chaos.abandoned
  end
  assert.is_true(abandoned > 0 and abandoned < opened)
  for _, failure in ipairs(failures) do
    assert.matches("^chaos", tostring(failure.err))
  end
end

describe("greenlets in chaos", function()
  support.both("close what they opened, first in, first out", function()
    play_all(function() end)
  end)

  support.both("close what they opened, seeded schedule", function()
    play_all(core.schedule)
  end)
end)
