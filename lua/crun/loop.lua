-- SPDX-License-Identifier: MIT
--
-- The loop as asyncio's users know it. The hub runs whenever a task waits, so nothing needs to be
-- run for tasks to go on: run waits for one function, run_forever until somebody says stop.

local check = require "crun.check"
local core = require "crun.core"

local M = {}

---Waits for a task of ours: who is cancelled meanwhile takes it along.
local function wait_for(task)
  local ok, err = pcall(task.join, task)
  if ok then return end
  task:cancel("the task that runs it was cancelled")
  core.outlast({ task }, "run")
  error(err, 0)
end

---Runs a function as a task and waits for its end; or waits for a Task or Future. Other tasks go
---on, before and after; run may be called anywhere, also inside of what another run runs. Who is
---cancelled in it takes the function's task along, and waits for its clean-up.
---May wait. Raises: its error; a cancel.
---@param what function|crun.Task|crun.Future
---@param ... any for the function
---@return any ... its results
function M.run(what, ...)
  if not check.is_awaitable(what) then
    check.callable(what, 1, "run", "function, Task or Future")
    what = core.spawn_for(1, what, ...)
    wait_for(what)
  end
  if what == core.current() then error("a task cannot wait for itself", 2) end
  return what:get()
end

local stopping = false
local runner, wake -- who is in run_forever; the Event that it waits for

---Waits until stop is called; meanwhile everything else runs. After a stop that came before, lets
---what is ready now run for one turn. When nothing is left that could ever call stop, no task, no
---pending call, no I/O, the main task gets the deadlock error.
---May wait. Raises: a cancel; that run_forever is already running.
function M.run_forever()
  if runner then
    error(("run_forever is already running, in %s"):format(runner.name), 2)
  end
  wake = wake or core.Event()
  runner = core.current() or { name = "a task of C" }
  local ok, err
  if stopping then ok, err = pcall(core.yield) else ok, err = pcall(wake.wait, wake) end
  runner, stopping = nil, false
  wake:clear()
  if not ok then error(err, 0) end
end

---Makes run_forever return, once what is ready now has had its turn; without one running, makes the
---next return at once.
---Switches: never.
function M.stop()
  stopping = true
  if runner then wake:set() end
end

return M
