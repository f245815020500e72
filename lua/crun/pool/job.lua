-- SPDX-License-Identifier: MIT
--
-- Jobs of a Pool: checking what they are made of, starting one in a place, waiting for them.
-- Levels count as for error, from the function that gets one.

local check = require "crun.check"
local core = require "crun.core"

local internals = core.pool
local acquire, add, cancels = internals.acquire, internals.add, internals.cancels
local give_back, inside = internals.give_back, internals.inside

local M = {}

-- In which place a job starts, for core.pool.add: a free one, the one that acquire took, none, the
-- one for which it stands in line; and that its failure will be looked at.
local FREE, TAKEN, NONE, LINE, OBSERVED = 0, 1, 2, 3, 4
M.FREE, M.NONE, M.LINE, M.OBSERVED = FREE, NONE, LINE, OBSERVED

-- --- arguments -----------------------------------------------------------------------------------

---Returns args, a list of arguments or nil, as table.unpack wants it. Raises for anything else.
function M.check_arguments(args, name)
  if args == nil then return {}, 0 end
  if type(args) ~= "table" then
    error(("bad argument #2 to '%s' (list of arguments expected, got %s)")
      :format(name, type(args)), 3)
  end
  return args, args.n or #args
end

---Whether the inputs are a list, and not an iterator, of which alone a state can follow. Raises
---when they are neither.
function M.check_input(items, state, name)
  if check.is_callable(items) then return false end
  if type(items) == "table" then
    if state == nil then return true end
    error(("bad argument #3 to '%s' (nothing expected after a list, got %s)")
      :format(name, type(state)), 3)
  end
  error(("bad argument #2 to '%s' (list or iterator expected, got %s)")
    :format(name, type(items)), 3)
end

---The same unless it is a list of lists, as starmap takes them.
function M.check_lists(items, name)
  if type(items) ~= "table" then
    error(("bad argument #2 to '%s' (list of lists expected, got %s)")
      :format(name, type(items)), 3)
  end
  for i = 1, #items do
    if type(items[i]) ~= "table" then
      error(("bad argument #2 to '%s' (item %d: list of arguments expected, got %s)")
        :format(name, i, type(items[i])), 3)
    end
  end
end

---What starmap calls with each of its lists.
function M.spread(fn)
  return function(list) return fn(table.unpack(list, 1, list.n or #list)) end
end

---A nil of imap would end the loop as if there were no more inputs.
function M.refuse_nil(first, ...)
  if first == nil then
    error("a job of imap returned nil, which would end a for loop: let it return something, "
      .. "or use map", 3)
  end
  return first, ...
end

-- --- starting ------------------------------------------------------------------------------------

---Starts a job in the place that acquire took, or gives that back.
local function start_in_place(self, level, observed, fn, ...)
  local ok, task = pcall(add, self, level + 2, TAKEN + observed, fn, ...)
  if ok then return task end
  give_back(self)
  error(task, 0)
end

---Waits for a place and starts the job. May wait.
function M.start_waiting(self, level, timeout, observed, fn, ...)
  local ok, message, code = acquire(self, timeout)
  if ok then
    local task = start_in_place(self, level, observed, fn, ...)
    return task
  end
  if code == "EDEADLK" then error(message, level) end
  return nil, message, code
end

---Starts a job that its caller is going to wait for: in a free place; inside a job of the same
---pool, in the place of that; or in the next one that comes free, unless the pool has meanwhile
---been cancelled more often than `before`. Returns the Task, nil for a cancelled pool; and whether
---the place is the caller's own, which then must wait at once. May wait.
function M.start_awaited(self, level, before, fn, ...)
  local task = add(self, level, FREE + OBSERVED, fn, ...)
  if task then return task, false end
  if inside(self) then return add(self, level, NONE + OBSERVED, fn, ...), true end
  acquire(self)
  if before and cancels(self) ~= before then
    give_back(self)
    return nil, false
  end
  return start_in_place(self, level + 1, OBSERVED, fn, ...), false
end

---A job that never started, since the pool was cancelled.
function M.dropped(self, fn)
  local task = core.spawn(fn)
  task:cancel(select(2, cancels(self)))
  return task
end

-- --- waiting -------------------------------------------------------------------------------------

---Cancels all of them and waits until they have unwound, whatever happens to the caller meanwhile.
function M.unwind(tasks, reason, name)
  for _, task in ipairs(tasks) do task:cancel(reason) end
  core.outlast(tasks, name)
end

---Waits until all of them have ended, however they ended. May wait.
function M.wait_all(tasks, name)
  core.wait_tasks(tasks, #tasks, false, nil, name)
end

---The same; if the caller is cancelled meanwhile, so are they. May wait.
function M.wait_or_unwind(tasks, name)
  local ok, err = pcall(M.wait_all, tasks, name)
  if ok then return end
  M.unwind(tasks, "the task that called " .. name .. " was cancelled", name)
  error(err, 0)
end

return M
