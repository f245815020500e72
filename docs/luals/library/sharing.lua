-- SPDX-License-Identifier: MIT
---@meta

--- In a worker, each call of these, each access included, may wait.
---@class crun.Manager
local Manager = {}

--- May wait.
---@param values? table its fields to begin with
---@return crun.Dict
function Manager:dict(values) end

--- May wait.
---@param values? any[] its items to begin with
---@return crun.List
function Manager:list(values) end

--- May wait.
---@param value? any
---@return crun.Value
function Manager:Value(value) end

--- May wait.
---@param values? table its fields to begin with
---@return crun.Namespace
function Manager:Namespace(values) end

--- May wait.
---@param ... any as of crun.Queue
---@return crun.Queue
function Manager:Queue(...) end

--- May wait.
---@param ... any as of crun.LifoQueue
---@return crun.LifoQueue
function Manager:LifoQueue(...) end

--- May wait.
---@param ... any as of crun.PriorityQueue
---@return crun.PriorityQueue
function Manager:PriorityQueue(...) end

--- May wait.
---@param ... any as of crun.Channel
---@return crun.Channel
function Manager:Channel(...) end

--- May wait.
---@param ... any
---@return crun.Lock
function Manager:Lock(...) end

--- May wait.
---@param ... any
---@return crun.RLock
function Manager:RLock(...) end

--- May wait.
---@param ... any
---@return crun.RWLock
function Manager:RWLock(...) end

--- May wait.
---@param ... any as of crun.Semaphore
---@return crun.Semaphore
function Manager:Semaphore(...) end

--- May wait.
---@param ... any as of crun.BoundedSemaphore
---@return crun.BoundedSemaphore
function Manager:BoundedSemaphore(...) end

--- May wait.
---@param ... any
---@return crun.Event
function Manager:Event(...) end

--- May wait.
---@param ... any as of crun.Condition
---@return crun.Condition
function Manager:Condition(...) end

--- May wait.
---@param ... any as of crun.Barrier
---@return crun.Barrier
function Manager:Barrier(...) end

--- May wait.
---@param ... any
---@return crun.WaitGroup
function Manager:WaitGroup(...) end

--- May wait.
---@param ... any
---@return crun.Future
function Manager:Future(...) end

--- Ends it; what it has made raises from then on. May wait.
function Manager:close() end

--- Indexed and assigned like a table; `#` is the number of keys, pairs walks a copy.
---@class crun.Dict
---@field [any] any
---@operator len: integer
local Dict = {}

--- May wait.
---@param key any
---@param default? any
---@return any
function Dict:get(key, default) end

--- May wait.
---@param key any a string, number or boolean
---@param value any
function Dict:set(key, value) end

--- Takes the key out. May wait.
---@param key any
---@param default? any
---@return any value that it had
function Dict:pop(key, default) end

--- Sets the key if it has no value. May wait.
---@param key any
---@param default any
---@return any value that it has now
function Dict:setdefault(key, default) end

--- Adds to the number of the key, 0 if it has none, in one step. May wait.
---@param key any
---@param n? number 1 if absent
---@return number new
function Dict:add(key, n) end

--- Sets each field of the table. May wait.
---@param values table
function Dict:update(values) end

--- May wait.
---@return any[]
function Dict:keys() end

--- May wait.
---@return table
function Dict:copy() end

--- May wait.
function Dict:clear() end

--- May wait.
---@return integer
function Dict:len() end

--- Indexed and assigned like a list, up to one past its end.
---@class crun.List
---@field [integer] any
---@operator len: integer
local List = {}

--- May wait.
---@param place integer
---@return any
function List:get(place) end

--- May wait.
---@param place integer
---@param value any
function List:set(place, value) end

--- May wait.
---@param value any
function List:append(value) end

--- insert(value) appends; insert(place, value) moves the rest up. May wait.
---@param ... any
function List:insert(...) end

--- Takes an item out; the rest moves down. May wait.
---@param place? integer the last one if absent
---@return any
function List:remove(place) end

--- Appends each of a list. May wait.
---@param values any[]
function List:extend(values) end

--- May wait.
---@return any[]
function List:copy() end

--- May wait.
function List:clear() end

--- May wait.
---@return integer
function List:len() end

---@class crun.Value
local Value = {}

--- May wait.
---@return any
function Value:get() end

--- May wait.
---@param new any
function Value:set(new) end

--- Adds to the number, in one step. May wait.
---@param n? number 1 if absent
---@return number new
function Value:add(n) end

--- Sets it. May wait.
---@param new any
---@return any before
function Value:swap(new) end

--- Any name can be indexed and assigned; it has no methods.
---@class crun.Namespace
---@field [string] any
---@operator len: integer
