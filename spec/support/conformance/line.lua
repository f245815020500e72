-- SPDX-License-Identifier: MIT

--- A line of tasks that wait in one operation, and what happens to one of them, the subject.
---
--- An operation is a table:
---   open(line)        makes `line.object` (and what else it needs), such that everybody must wait
---   wait(line, i, t)  the call under test, by waiter i: its result, or nil, message, code
---   wake(line)        lets the oldest waiter go on, or all; harmless where nobody waits
---   wakes             "one": one for each call of wake (the default); "all"; "chain": the first,
---                     and whoever got in lets the next one in by release
---   release(line, i)  waiter i, which got in, leaves
---   check(line)       nothing was lost or given twice
---   close(line)       where it can be closed
---   spaced            true: after a call of wake, the next one must come in a later turn
---   alone             true: only one task may wait
---   untimed           true: takes no timeout; with_timeout around it gives one
---   late              true, or a function of the place: waking goes by way of another task
---   breaks            true: a wait that fails is the failure of all
---   mend(line)        after that
---   around(line, fn)  calls fn, which takes the steps of the situation
---   expect            outcomes that differ, by the situation's name; false: there is no such cell
---   either            by the situation's name: outcomes that are as good, by outcome
---   turns             so many looks at I/O happen before everything has
---   unordered         by the situation's name: true: who was interrupted may go on first
---   brief             true: the wait is over before anything can happen; it cannot be seeded
---   io                true: what happens is I/O, which takes real time
---   finish(line)      gives back what `open` took
local core = require "crun.core"
local crun = require "crun"
local situations = require "spec.support.conformance.situations"

local M = {}
M.__index = M

--- How many tasks stand in line, unless the operation is for one alone.
local WAITERS = 3

--- So many switches make the hub look at its I/O.
local SWITCHES = 130

--- Processor seconds after which I/O that has not come will not come.
local PATIENCE = 2

local function is_over(line)
  for _, task in ipairs(line.tasks) do
    if not task:done() then return false end
  end
  return true
end

--- Lets everything happen that needs no time. The virtual clock would not wait for I/O, and a
--- line that waits for nothing but I/O is over sooner or later.
local function settle(line)
  if not line.operation.io then
    for _ = 1, line.operation.turns or 1 do crun.sleep(1e-6) end
    return
  end
  local give_up = os.clock() + PATIENCE
  repeat
    for _ = 1, SWITCHES do crun.yield() end
  until is_over(line) or os.clock() > give_up
end

--- Lets the newest task come to its wait.
local function arrive(line)
  local operation = line.operation
  if operation.brief then return crun.yield() end
  if not operation.io then return settle(line) end
  for _ = 1, SWITCHES do crun.yield() end
end

local function classify(ok, ...)
  local value, message, code = ...
  if not ok then
    if value == situations.THROWN then return "thrown" end
    local reason = type(value) ~= "string" and value.reason
    return reason == "picked" and "cancelled" or tostring(value)
  end
  if value ~= nil or type(message) ~= "string" or type(code) ~= "string" then
    return "value", value
  end
  return code == "ETIMEDOUT" and "timeout" or code == "ECLOSED" and "closed" or code
end

local function call(line, i)
  local operation, options = line.operation, i == line.place and line.options or {}
  local timeout, outer = options.timeout, options.outer
  if operation.untimed and timeout then timeout, outer = nil, timeout end
  if outer then return crun.with_timeout(outer, operation.wait, line, i, timeout) end
  return operation.wait(line, i, timeout)
end

local function enter(line, i)
  if i == line.place and line.options.before then
    crun.shield(crun.sleep, 1)
  end
  local outcome, value = classify(pcall(call, line, i))
  line.outcomes[i], line.values[i] = outcome, value
  if outcome ~= "value" then return end
  line.order[#line.order + 1] = i
  if line.deferred and i == line.place - 1 then line:turn() end
  if line.operation.release and line.released ~= i then line.operation.release(line, i) end
end

--- The steps of the situation. In a chain, whoever stands before the subject takes them.
function M:turn()
  self.deferred = nil
  local function take_steps()
    for _, step in ipairs(self.situation.steps) do step(self) end
  end
  if self.operation.around then return self.operation.around(self, take_steps) end
  take_steps()
end

--- The step `wake`: the subject's turn has come.
function M:wake_subject()
  local wakes = self.operation.wakes or "one"
  if wakes == "chain" and self.place > 1 then
    self.operation.release(self, self.place - 1)
    self.released = self.place - 1
    return
  end
  local times = wakes == "one" and self.place - self.served or 1
  for _ = 1, times do self.operation.wake(self) end
end

function M:close()
  self.closed = true
  self.operation.close(self)
end

function M:__close()
  if self.operation.finish then self.operation.finish(self) end
end

local function form(operation, place, situation)
  local line = setmetatable({
    operation = operation, place = place, situation = situation, options = situation.options,
    count = operation.alone and 1 or WAITERS,
    outcomes = {}, values = {}, order = {}, tasks = {}, fed = 0, out = {}, served = 0,
  }, M)
  operation.open(line)
  for i = 1, line.count do
    line.tasks[i] = crun.spawn(enter, line, i)
    if i == place then line.subject = line.tasks[i] end
    arrive(line)
  end
  if line.options.before then
    line.options.before(line)
    crun.sleep(2)
  end
  return line
end

local function happen(line)
  if line.operation.spaced and line.situation.wakes then
    for _ = 2, line.place do
      line.operation.wake(line)
      settle(line)
      line.served = line.served + 1
    end
  end
  local in_chain = line.operation.wakes == "chain" and line.place > 1
  if in_chain and line.situation.wakes then
    line.deferred = true
    line.operation.wake(line)
  else
    line:turn()
  end
  settle(line)
end

--- Nothing more is needed for those whom the wakes of the turn were meant for, or who stand behind
--- somebody who has left.
local function check_served(line)
  if not line.situation.wakes or line.closed then return end
  local operation, values = line.operation, 0
  for i = 1, line.count do
    if line.outcomes[i] == "value" then values = values + 1 end
  end
  local left = line.outcomes[line.place] ~= "value"
  local possible = line.count - (left and 1 or 0)
  if operation.breaks and left then possible = 0 end
  local one = (operation.wakes or "one") == "one"
  local expected = one and math.min(line.place, possible) or possible
  if values ~= expected then
    error(("%d instead of %d were served in the turn"):format(values, expected))
  end
end

local function serve(line)
  for i = 1, line.count do
    if not line.tasks[i]:done() then
      line.operation.wake(line)
      settle(line)
    end
  end
  for i = 1, line.count do
    if not line.tasks[i]:done() then error("waiter " .. i .. " hangs") end
  end
end

local function expected_outcome(line)
  local operation, options = line.operation, line.options
  local other = operation.expect and operation.expect[line.situation.name]
  if other then return other end
  local late = operation.late
  if type(late) == "function" then late = late(line.place) end
  return late and options.late or line.situation.outcome
end

local function expect(what, i, expected, got)
  if got ~= expected then
    error(("waiter %d, %s: %s instead of %s"):format(i, what, tostring(got), expected))
  end
end

local function check_outcomes(line)
  local expected = expected_outcome(line)
  local outcome = line.outcomes[line.place]
  local either = line.operation.either and line.operation.either[line.situation.name]
  if either and either[outcome] then expected = outcome end
  local broken = line.operation.breaks and expected ~= "value"
  expect("the subject", line.place, expected, outcome)
  for i = 1, line.count do
    local got = line.outcomes[i]
    if i ~= line.place and not (line.closed and got == "closed") then
      expect("another", i, broken and "EBROKEN" or "value", got)
    end
  end
end

local function check_order(line)
  for n = 2, #line.order do
    local earlier, later = line.order[n - 1], line.order[n]
    if earlier > later then
      error(("waiter %d went on before waiter %d"):format(earlier, later))
    end
  end
end

--- Whoever comes afterwards is served as if nothing had happened.
local function check_goes_on(line)
  if line.operation.mend then line.operation.mend(line) end
  line.place = 0
  local i = line.count + 1
  local task = crun.spawn(enter, line, i)
  line.tasks[i] = task
  arrive(line)
  if not task:done() then
    line.operation.wake(line)
    settle(line)
  end
  if not task:done() then error("who comes afterwards hangs") end
  local got = line.outcomes[i]
  if not (line.closed and got == "closed") then expect("afterwards", i, "value", got) end
end

--- Lets one situation happen to the subject at a place in the line, and checks what comes of it.
--- @param seeded boolean the order of tasks is drawn: who goes on first says nothing
function M.play(operation, place, situation, seeded)
  local line <close> = form(operation, place, situation)
  happen(line)
  check_served(line)
  serve(line)
  check_outcomes(line)
  local unordered = operation.unordered and operation.unordered[situation.name]
  if not (seeded or unordered) then check_order(line) end
  check_goes_on(line)
  if operation.check then operation.check(line) end
  local timers = core.stats().timers
  if timers ~= 0 then error(timers .. " timers are left") end
end

--- The places in line at which something can happen.
function M.places(operation)
  return operation.alone and 1 or WAITERS
end

--- Whether the situation can happen to the operation.
function M.applies(operation, situation)
  local other = operation.expect and operation.expect[situation.name]
  return other ~= false and (not situation.options.closes or operation.close ~= nil)
end

return M
