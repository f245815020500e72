-- SPDX-License-Identifier: MIT

--- Random trees of groups, gathers, races and timeouts, whose tasks end, fail, cancel and are
--- cancelled at random, in random order: nobody outlives its block, no error is lost or told twice.
local core = require "crun.core"
local crun = require "crun"
local random = require "spec.support.random"
local support = require "spec.support"
local testing = require "crun.testing"

local SEEDS = support.scaled(200, 5)

local World = {}
World.__index = World

local function world(seed)
  return setmetatable({ pick = random.new(seed), alive = 0, thrown = {} }, World)
end

--- Fails with an error that is accounted for.
function World:fail()
  local err = setmetatable({}, { __tostring = function() return "thrown" end })
  self.thrown[err] = "lost"
  error(err, 0)
end

function World:nap()
  crun.sleep(self.pick(5) - 1)
end

--- What a task does at its end: nothing, a clean-up that waits, or one that fails, too, unless that
--- would hide another error.
function World:clean_up(err)
  self.alive = self.alive - 1
  local how = self.pick(6)
  if how <= 2 then crun.shield(crun.sleep, how) end
  local hidden = getmetatable(err) == crun.Error or self.thrown[err or false]
  if how == 3 and not hidden then self:fail() end
end

function World:leaf()
  for _ = 1, self.pick(3) do self:nap() end
  if self.pick(5) == 1 then self:fail() end
  return "leaf"
end

function World:task(depth)
  self.alive = self.alive + 1
  local _ <close> = setmetatable({}, { __close = function(_, err) self:clean_up(err) end })
  if depth == 0 then return self:leaf() end
  return self:block(depth)
end

function World:body(group, depth)
  local tasks = {}
  for i = 1, self.pick(4) do
    tasks[i] = group:spawn(self.task, self, depth - 1)
    if self.pick(3) == 1 then self:nap() end
  end
  local act = self.pick(8)
  if act == 1 then group:cancel("at random") end
  if act == 2 then tasks[self.pick(#tasks)]:cancel("one of them") end
  if act == 3 then self:fail() end
  if act == 4 then group:results(self.pick(4)) end
end

--- A group, by one of its two faces, now and then in a timeout.
function World:block(depth)
  local function face()
    if self.pick(2) == 1 then
      return crun.group(function(group) return self:body(group, depth) end)
    end
    local group <close> = crun.Group()
    self:body(group, depth)
  end
  if self.pick(3) == 1 then return crun.with_timeout(self.pick(6), face) end
  return face()
end

--- Marks what an error tells, and errors in it.
function World:account(err)
  if getmetatable(err) == crun.Error then
    for i = 1, err.n do self:account(err.errors[i]) end
  elseif self.thrown[err] then
    assert(self.thrown[err] == "lost", "an error is told twice")
    self.thrown[err] = "told"
  end
end

local function run_world(seed)
  local w = world(seed)
  local timers = core.stats().timers
  local top = crun.spawn(function() return select(2, pcall(w.block, w, 3)) end)
  if w.pick(2) == 1 then
    crun.sleep(w.pick(8))
    top:cancel("from the top")
  end
  top:join()
  assert(w.alive == 0, w.alive .. " tasks outlive their block")
  w:account(top:get())
  for _, fate in pairs(w.thrown) do assert(fate == "told", "an error is " .. fate) end
  assert(core.stats().timers == timers, "timers are left")
end

describe("groups under many schedules:", function()
  for way, budget in pairs { stack = 1024, yield = 0 } do
    it("nobody outlives a block, no error is lost or told twice, by " .. way, function()
      core.stack_budget(budget)
      testing.schedules(run_world, { n = SEEDS })
    end)
  end
end)
