-- SPDX-License-Identifier: MIT
---@meta crun.testing

---@class crun.testing
local testing = {}

---@class crun.testing.Options
---@field clock? "virtual"|"real" "virtual" is the default
---@field seed? integer of the schedule; nil is CRUN_SEED's, or first in, first out
---@field limit? number|false seconds on that clock, 60 by default; false is none
---@field leaks? boolean false: nobody looks for what is left

---@class crun.testing.Schedules: crun.testing.Options
---@field n? integer how many, 200 by default
---@field seed? integer the first, 1 by default

--- What the hub holds at a moment, for leaks and end_tasks.
---@class crun.testing.Snapshot
---@field alive table<crun.Task, true>
---@field handles integer
---@field timers integer
---@field stacks integer

--- Runs fn(...) as a task on the virtual clock. Raises its error, and when something is left or
--- a task failed that nobody looked at. May wait.
---@param fn function
---@param options? crun.testing.Options
---@param ... any for fn
---@return any ... its results
function testing.run(fn, options, ...) end

--- A function that runs fn as run does. Never waits.
---@param fn function
---@param options? crun.testing.Options
---@return function
function testing.async(fn, options) end

--- busted's `it` and the like, with bodies that are run as by run. Never waits.
---@param it function called with a title and a function
---@param options? crun.testing.Options
---@return fun(title: string, body: function): any
function testing.busted(it, options) end

--- Runs fn(seed) under many schedules; raises at the first that fails, naming its seed. May wait.
---@param fn fun(seed: integer)
---@param options? crun.testing.Schedules
---@return integer count
function testing.schedules(fn, options) end

--- Time jumps to the next timer when every task waits. Never waits.
function testing.virtual_clock() end

--- Never waits.
function testing.real_clock() end

--- Moves the virtual clock forward. Never waits.
---@param seconds number
function testing.advance(seconds) end

--- Ready tasks run in an order drawn from the seed. Never waits.
---@param seed? integer nil: first in, first out
function testing.seed(seed) end

--- What the hub holds now. Never waits.
---@return crun.testing.Snapshot
function testing.snapshot() end

--- Names everything that is alive and was not before. May wait, with turns only.
---@param before? crun.testing.Snapshot
---@param turns? integer how often to yield while there is something left
---@return string[]
function testing.leaks(before, turns) end

--- Cancels the tasks that are alive and were not before, and waits for them. May wait.
---@param before? crun.testing.Snapshot
---@param patience? number seconds, 1 if absent
---@return boolean? ended, string? message, string? code
function testing.end_tasks(before, patience) end

return testing
