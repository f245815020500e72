-- SPDX-License-Identifier: MIT
---@meta

--- How a worker is kept alive. Given to the Supervisor it holds for all workers that do not say
--- otherwise.
---@class crun.Supervisor.Policy
---@field restart? "always"|"on-failure"|"never" after which ends; "always" by default
---@field backoff? number seconds before the first restart in a row, 0.1; each further one doubles it
---@field backoff_max? number seconds that it comes to at most, 30
---@field healthy? number seconds of life after which the row begins anew, 10
---@field max_restarts? integer|false restarts of one worker within the period, 5; then it gives up
---@field period? number seconds, 10
---@field shutdown? number seconds that an end may take before the worker is killed, 5

--- One worker, or `count` of them: a function, or what makes any object with `start`, `join` and
--- `terminate` or `cancel`. The function may stand at 1.
---@class crun.Supervisor.Worker: crun.Supervisor.Policy
---@field name? string
---@field target? function
---@field args? any[] for target
---@field make? fun(name: string): any in place of target: a worker that has not been started
---@field on? "processes"|"threads"|"tasks" how target is run; "processes" by default
---@field count? integer

---@class crun.Supervisor.Options: crun.Supervisor.Policy
---@field [integer] crun.Supervisor.Worker|function
---@field name? string
---@field on? "processes"|"threads"|"tasks" for workers that do not say
---@field together? boolean the workers are ended at the same time, and not the last one first
---@field on_event? fun(event: crun.Supervisor.Event) in place of the lines on stderr

--- How a worker ended.
---@class crun.Supervisor.Ending
---@field ok boolean
---@field text string
---@field err? any the error that came out of it

---@class crun.Supervisor.Event
---@field what "started"|"ended"|"stopping"|"killed"|"gave up"
---@field name string
---@field worker any
---@field ending? crun.Supervisor.Ending
---@field restart_in? number seconds
---@field after? number seconds that the worker had for its end

---@class crun.Supervisor.Info
---@field name string
---@field state "starting"|"running"|"waiting"|"stopping"|"ended"
---@field restarts integer
---@field worker any the one that lives, or lived last
---@field ending? crun.Supervisor.Ending of the last one

--- Keeps workers alive. `<close>` stops it.
---@class crun.Supervisor
---@field name string
local Supervisor = {}

--- Starts the workers, in their order. Never waits.
---@return crun.Supervisor self
function Supervisor:start() end

--- Waits until all workers have ended for good. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code
function Supervisor:join(timeout) end

--- The same; raises a crun.Error if it has given up. May wait.
function Supervisor:get() end

--- start and get. May wait.
function Supervisor:run() end

--- Begins to end all workers. Never waits.
function Supervisor:terminate() end

--- terminate and join. May wait.
---@param timeout? number seconds
---@return true? done, string? message, string? code
function Supervisor:stop(timeout) end

--- Never waits.
---@return boolean
function Supervisor:is_alive() end

--- One more specification, whose workers are started if the Supervisor has been. May wait.
---@param worker crun.Supervisor.Worker|function
---@return string[] names
function Supervisor:add(worker) end

--- Ends one worker for good, and forgets it. May wait.
---@param name string
---@return true? done, string? message, string? code "ENOENT"
function Supervisor:remove(name) end

--- The workers, in the order of their start. Never waits.
---@return crun.Supervisor.Info[]
function Supervisor:workers() end
