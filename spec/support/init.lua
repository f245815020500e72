-- SPDX-License-Identifier: MIT

--- What the specs share: both ways to park, logs, error collectors, counts that fit the flavour.
local busted = require "busted"
local core = require "crun.core"
local crun = require "crun"
local gcstress = require "spec.support.gcstress"
local testing = require "crun.testing"

local M = {}

--- The real globals: those of busted's files are others, and do not travel to workers. A spec whose
--- functions do says `local _ENV = support.globals`.
M.globals = _G

--- No limit: a body that hangs is better told by the deadlock report, and a limit is a timer.
local define = testing.busted(busted.it, { limit = false })

local function define_with(title, way, budget, body)
  define(("%s (%s)"):format(title, way), function()
    core.stack_budget(budget)
    body()
  end)
end

--- Defines a test whose waits park by stack. The body runs in a task of its own, on the virtual
--- clock.
function M.by_stack(title, body)
  define_with(title, "by stack", 1024, body)
end

--- The same with waits that park by yield wherever that is possible.
function M.by_yield(title, body)
  define_with(title, "by yield", 0, body)
end

--- Defines the test twice, once for each way to park.
function M.both(title, body)
  M.by_stack(title, body)
  M.by_yield(title, body)
end

--- Defines the test on the virtual clock, in the main task.
function M.virtual(title, body)
  busted.it(title, function()
    testing.virtual_clock()
    body()
  end)
end

--- A list to note events in: `log(x)` appends, `log:text()` joins with spaces.
function M.log()
  local log = {}
  function log:text()
    return table.concat(self, " ")
  end
  return setmetatable(log, {
    __call = function(self, event) self[#self + 1] = tostring(event) end,
  })
end

--- Collects unobserved failures instead of letting them be printed; gone after the test.
function M.collect_failures()
  local failures = {}
  crun.on_error = function(task, err, traceback)
    failures[#failures + 1] = { task = task, err = err, traceback = traceback }
  end
  return failures
end

--- Lets every ready task run a few times, and then every timer that is due: the hub looks at its
--- timers when nothing is ready, hence the shortest of sleeps.
function M.settle(turns)
  for _ = 1, turns or 3 do
    crun.yield()
  end
  crun.sleep(1e-6)
end

--- Checks that a wait begun at `start` took `seconds`, within what floats can tell; with `at_most`
--- false only that it was not early.
function M.took(start, seconds, at_most)
  local took = crun.now() - start
  if took < seconds - 1e-6 then error(("early: %.9g of %.9g s"):format(took, seconds), 2) end
  if at_most ~= false and took > seconds + 1e-3 then
    error(("late: %.9g of %.9g s"):format(took, seconds), 2)
  end
end

--- A count scaled down where each step is slow: by `CRUN_SPEC_SCALE` (a factor up to 1), or to a
--- hundredth under GC stress; then never below `least` (default 2) nor above `most`.
function M.scaled(n, least, most)
  local scale = tonumber(os.getenv("CRUN_SPEC_SCALE") or (gcstress.enabled and 0.01 or 1))
  if scale == 1 then return n end
  return math.max(least or 2, math.min(math.floor(n * scale), most or n))
end

--- Calls and returns the error that it must raise.
function M.raised(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("an error was expected", 2) end
  return err
end

--- The error that a group of such a body raises, which must be a crun.Error.
function M.group_error(body, ...)
  local err = M.raised(crun.group, body, ...)
  if getmetatable(err) ~= crun.Error then error("no crun.Error: " .. tostring(err), 2) end
  return err
end

--- A function that sleeps and returns the values.
function M.after(seconds, ...)
  local values = table.pack(...)
  return function()
    crun.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

--- A function that sleeps and raises the error.
function M.failing(seconds, err)
  return function()
    crun.sleep(seconds)
    error(err, 0)
  end
end

--- Sleeps, and returns the other arguments.
function M.nap(seconds, ...)
  crun.sleep(seconds)
  return ...
end

--- A Queue with room for one item, which it has.
function M.full_queue(item)
  local queue = crun.Queue(1)
  queue:put(item)
  return queue
end

--- Checks that a call is refused as misuse: at the caller's line, with each of the words.
function M.refuses(words, fn)
  local err = M.raised(fn)
  if type(err) ~= "string" then error("not a string: " .. tostring(err), 2) end
  local where = debug.getinfo(fn, "S").short_src
  if err:sub(1, #where) ~= where then
    error("not raised at the caller's level: " .. err, 2)
  end
  for _, word in ipairs(words) do
    if not err:find(word, 1, true) then
      error(("%q is not in %q"):format(word, err), 2)
    end
  end
end

return M
