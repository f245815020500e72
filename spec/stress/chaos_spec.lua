-- SPDX-License-Identifier: MIT

-- Trees of tasks that do everything at once and are cancelled at any moment. Whatever happens,
-- every <close> runs exactly once, every task ends, and nothing stays with the hub.
local core = require "crun.core"
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"

local PROGRAMS = 40
local DEEPEST = 4

local Chaos = {}
Chaos.__index = Chaos

local function new_chaos(seed)
  return setmetatable({
    random = random.new(seed), opened = 0, closed = 0, twice = 0, tasks = {},
    queues = { crun.Queue(), crun.Queue(1), crun.Queue(3) },
  }, Chaos)
end

function Chaos:guard()
  self.opened = self.opened + 1
  local open = true
  return setmetatable({}, { __close = function()
    if not open then self.twice = self.twice + 1 end
    open = false
    self.closed = self.closed + 1
    if self.random(6) == 1 then pcall(crun.sleep, 0.1) end
    if self.random(6) == 1 then crun.shield(crun.sleep, self.random(3) / 10) end
  end })
end

local Steps = {}

function Steps.sleep(chaos) crun.sleep(chaos.random(20) / 10) end
function Steps.yield() crun.yield() end
function Steps.put(chaos) chaos:queue():put(chaos.random(9), chaos.random(2)) end
function Steps.get(chaos) chaos:queue():get(chaos.random(2)) end
function Steps.fail() error("chaos", 0) end
function Steps.caught(chaos, depth) pcall(chaos.body, chaos, depth) end

function Steps.join(chaos)
  local other = chaos.tasks[chaos.random(#chaos.tasks)]
  if other ~= crun.current() then other:join(1) end
end

function Steps.cancel(chaos)
  chaos.tasks[chaos.random(#chaos.tasks)]:cancel("chaos")
end

function Steps.throw(chaos)
  chaos.tasks[chaos.random(#chaos.tasks)]:throw("thrown")
end

function Steps.spawn(chaos, depth)
  chaos:spawn(depth)
end

function Steps.gather(chaos, depth)
  local items = {}
  for i = 1, chaos.random(3) do
    items[i] = chaos.random(2) == 1 and chaos:spawn(depth) or function() chaos:body(depth) end
  end
  crun.gather(items)
end

function Steps.timeout(chaos, depth)
  crun.with_timeout(chaos.random(10) / 10, chaos.body, chaos, depth)
end

function Steps.shield(chaos)
  crun.shield(crun.sleep, chaos.random(5) / 10)
end

function Steps.sort(chaos, depth)
  table.sort({ 3, 1, 2 }, function(a, b)
    chaos:body(depth)
    return a < b
  end)
end

function Steps.gsub(chaos, depth)
  string.gsub("ab", ".", function() chaos:body(depth) end)
end

function Steps.generator(chaos, depth)
  for _ in coroutine.wrap(function()
    local _ <close> = chaos:guard()
    for i = 1, 2 do
      chaos:body(depth)
      coroutine.yield(i)
    end
  end) do crun.yield() end
end

function Steps.metamethod(chaos, depth)
  local object = setmetatable({}, { __index = function() chaos:body(depth) end })
  return object.key
end

local NAMES = {}
for name in pairs(Steps) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

function Chaos:queue()
  return self.queues[self.random(#self.queues)]
end

function Chaos:body(depth)
  local _ <close> = self:guard()
  for _ = 1, self.random(4) do
    local name = depth < DEEPEST and NAMES[self.random(#NAMES)] or "yield"
    Steps[name](self, depth + 1)
  end
end

function Chaos:spawn(depth)
  local task = crun.spawn(self.body, self, depth)
  self.tasks[#self.tasks + 1] = task
  return task
end

--- A coroutine that is dropped while suspended keeps its guards open, by Lua's own rules.
function Chaos:abandoned()
  return self.opened - self.closed
end

local function play(seed)
  local chaos = new_chaos(seed)
  for _ = 1, 6 do chaos:spawn(1) end
  crun.sleep(chaos.random(20) / 10)
  for _ = 1, 10 do
    chaos.tasks[chaos.random(#chaos.tasks)]:cancel("from outside")
    crun.sleep(0.1)
  end
  local count
  repeat
    count = #chaos.tasks
    crun.killall(chaos.tasks)
  until count == #chaos.tasks
  for _, task in ipairs(chaos.tasks) do
    assert.is_true(task:done(), "seed " .. seed)
  end
  support.settle()
  assert.equal(0, chaos.twice, "seed " .. seed)
  return chaos
end

describe("chaos", function()
  for _, schedule in ipairs { "first in, first out", "seeded" } do
    support.both("leaves nothing behind, schedule " .. schedule, function()
      local failures = support.collect_failures()
      for seed = 1, support.scaled(PROGRAMS) do
        if schedule == "seeded" then core.schedule(seed) end
        play(seed)
        assert.equal(0, core.stats().timers, "seed " .. seed)
      end
      for _, failure in ipairs(failures) do
        assert.matches("chaos", tostring(failure.err) .. "thrown chaos")
      end
    end)
  end

  support.both("closes every guard once where no coroutine is abandoned", function()
    support.collect_failures()
    local generator = Steps.generator
    Steps.generator = Steps.yield
    for seed = 1, support.scaled(PROGRAMS) do
      local chaos = play(seed)
      assert.equal(0, chaos:abandoned(), "seed " .. seed)
    end
    Steps.generator = generator
  end)

  support.both("with a budget of three stacks", function()
    support.collect_failures()
    core.stack_budget(3)
    for seed = 100, 100 + support.scaled(PROGRAMS) do play(seed) end
  end)
end)
