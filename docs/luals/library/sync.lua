-- SPDX-License-Identifier: MIT
---@meta

--- Release and use by a task that does not hold it raise; so does an acquire that would close a
--- circle of tasks that wait for each other.
---@class crun.Lock
local Lock = {}

--- May wait. Raises when the task holds it already.
---@param timeout? number seconds
---@return true? held, string? message, string? code "ETIMEDOUT"
function Lock:acquire(timeout) end

--- Never waits.
function Lock:release() end

--- `local held <close> = lock:hold()`. May wait.
---@param timeout? number seconds
---@return crun.Lock? held what releases it when it is closed
---@return string? message
---@return string? code "ETIMEDOUT"
function Lock:hold(timeout) end

--- Calls fn(...) with the lock held. May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function Lock:with(fn, ...) end

--- Never waits.
---@return boolean
function Lock:locked() end

---@class crun.RLock: crun.Lock

---@class crun.RWLock
local RWLock = {}

--- May wait.
---@param timeout? number seconds
---@return true? held, string? message, string? code "ETIMEDOUT"
function RWLock:read_acquire(timeout) end

--- Never waits.
function RWLock:read_release() end

--- May wait.
---@param timeout? number seconds
---@return any held what releases it when it is closed
---@return string? message
---@return string? code "ETIMEDOUT"
function RWLock:hold_read(timeout) end

--- May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function RWLock:with_read(fn, ...) end

--- May wait.
---@param timeout? number seconds
---@return true? held, string? message, string? code "ETIMEDOUT"
function RWLock:write_acquire(timeout) end

--- Never waits.
function RWLock:write_release() end

--- May wait.
---@param timeout? number seconds
---@return any held what releases it when it is closed
---@return string? message
---@return string? code "ETIMEDOUT"
function RWLock:hold_write(timeout) end

--- May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function RWLock:with_write(fn, ...) end

---@class crun.Semaphore
local Semaphore = {}

--- May wait.
---@param timeout? number seconds
---@return true? taken, string? message, string? code "ETIMEDOUT"
function Semaphore:acquire(timeout) end

--- Never waits.
---@param n? integer units, 1 if absent
function Semaphore:release(n) end

--- May wait.
---@param timeout? number seconds
---@return crun.Semaphore? held what gives the unit back when it is closed
---@return string? message
---@return string? code "ETIMEDOUT"
function Semaphore:hold(timeout) end

--- Calls fn(...) with a unit taken. May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function Semaphore:with(fn, ...) end

--- The units left. Never waits.
---@return integer
function Semaphore:value() end

---@class crun.BoundedSemaphore: crun.Semaphore

---@class crun.Event
local Event = {}

--- Who waits goes on, even if it is cleared before they run. Never waits.
function Event:set() end

--- Never waits.
function Event:clear() end

--- Never waits.
---@return boolean
function Event:is_set() end

--- May wait.
---@param timeout? number seconds
---@return true? set, string? message, string? code "ETIMEDOUT"
function Event:wait(timeout) end

--- Its methods but acquire, hold and with raise without its lock.
---@class crun.Condition
local Condition = {}

--- May wait.
---@param timeout? number seconds
---@return true? held, string? message, string? code "ETIMEDOUT"
function Condition:acquire(timeout) end

--- Never waits.
function Condition:release() end

--- May wait.
---@param timeout? number seconds
---@return crun.Lock? held its lock
---@return string? message
---@return string? code "ETIMEDOUT"
function Condition:hold(timeout) end

--- May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function Condition:with(fn, ...) end

--- Gives the lock up, and has it again when it returns, however it does. May wait.
---@param timeout? number seconds
---@return true? notified, string? message, string? code "ETIMEDOUT"
function Condition:wait(timeout) end

--- May wait.
---@param predicate fun(): any called with the lock held
---@param timeout? number seconds
---@return any value its first true one
---@return string? message
---@return string? code "ETIMEDOUT"
function Condition:wait_for(predicate, timeout) end

--- The n that have waited longest go on once the lock is released. Never waits.
---@param n? integer 1 if absent
function Condition:notify(n) end

--- Never waits.
function Condition:notify_all() end

---@class crun.Barrier
local Barrier = {}

--- Waits until all have come. May wait.
---@param timeout? number seconds; when they are over the barrier is broken
---@return integer? place the order of arrival, from 1
---@return string? message
---@return string? code "ETIMEDOUT", "EBROKEN"
function Barrier:wait(timeout) end

--- Breaks it: who waits, and who comes, gets "EBROKEN". Never waits.
function Barrier:abort() end

--- Whole and empty again; who waits gets "EBROKEN". Never waits.
function Barrier:reset() end

--- Never waits.
---@return integer
function Barrier:parties() end

--- Never waits.
---@return integer
function Barrier:n_waiting() end

--- Never waits.
---@return boolean
function Barrier:broken() end

---@class crun.WaitGroup
local WaitGroup = {}

--- So many more are under way. Never waits.
---@param n? integer 1 if absent
function WaitGroup:add(n) end

--- One less. Raises below zero. Never waits.
function WaitGroup:done() end

--- Waits until none is left. May wait.
---@param timeout? number seconds
---@return true? none, string? message, string? code "ETIMEDOUT"
function WaitGroup:wait(timeout) end

--- Never waits.
---@return integer
function WaitGroup:count() end
