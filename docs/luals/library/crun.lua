-- SPDX-License-Identifier: MIT
---@meta crun

--- What a script gets by `require "crun"`. This file and its neighbours are for editors; nothing
--- loads them. Times are seconds, fractions allowed. Where a function takes a timeout it is the
--- last argument: nil waits for ever, 0 tries once. Failures that can be expected are
--- `nil, "CODE: text", "CODE"`; misuse raises at the caller's line. Whatever may wait raises the
--- cancel error once its task is cancelled or the time of an enclosing with_timeout is over.

---@class crun
---@field _NAME "crun"
---@field _VERSION string "crun " and the version
---@field on_error? fun(task: crun.Task|crun.Future|crun.Group, err: any, traceback: string) takes
---   the reports of failures that nobody looks at; nil: they go to stderr
---@field Error crun.ErrorClass
---@field Process crun.Process
---@field Thread crun.Thread
---@field worker_id? integer which of the workers of `crun --workers` this process is, from 1 on
---@field draining crun.Event set in such a worker once it accepts no more connections
local crun = {}

crun.net = require "crun.net"
crun.subprocess = require "crun.subprocess"

--- What a wait raises in a task that is cancelled, or whose time is over.
---@class crun.Cancelled
---@field reason any what was given to cancel; "timed out"; the name of a signal; what happened to
---   the rest of a group
---@field origin? string where the cancel began, as file:line

--- Several errors as one; printed, they are a tree. Groups raise it.
---@class crun.Error
---@field errors any[] the errors as they were raised, in the order in which they came
---@field tasks? (crun.Task|false)[] whose each of them is; false: the body's of the group
---@field n integer how many
---@field message? string
---@field origin? string where the group was opened, as file:line

--- crun.Error(errors, message) makes one; it is the metatable of all. Never waits.
---@class crun.ErrorClass
---@overload fun(errors: any[], message?: string): crun.Error

---@alias crun.Awaitable crun.Task|crun.Future

--- Makes a task that will call fn(...), after the caller waits for the first time. Never waits.
---@param fn function
---@param ... any
---@return crun.Task
function crun.spawn(fn, ...) end

--- The running task; nil inside a task of C. Never waits.
---@return crun.Task?
function crun.current() end

--- The live tasks, the main one included, in the order in which they were spawned. Never waits.
---@return crun.Task[]
function crun.tasks() end

--- Waits so long; zero and less is yield(). May wait.
---@param seconds number
function crun.sleep(seconds) end

--- Lets every other task that is ready run once. May wait.
function crun.yield() end

--- The hub's clock, whose origin means nothing. Never waits.
---@return number seconds
function crun.now() end

--- Calls fn(...); after the seconds, what it waits for raises the cancel error. Its own errors
--- pass. May wait.
---@param seconds? number nil: no limit
---@param fn function
---@param ... any
---@return any ... fn's results; or nil, message, "ETIMEDOUT"
function crun.with_timeout(seconds, fn, ...) end

--- Calls fn(...); cancels and timeouts from outside wait for its end. May wait.
---@param fn function
---@param ... any
---@return any ... fn's results
function crun.shield(fn, ...) end

--- Runs functions, waits for Tasks and Futures, all at once. The first error, in time, cancels the
--- others and is raised once they have unwound. One list gives one list; lists may be nested; with
--- `return_exceptions = true` in it errors stand among the results, and alone in a second list.
--- May wait.
---@param ... function|crun.Awaitable|table
---@return any ... the first result of each, in order
function crun.gather(...) end

--- Runs functions, waits for Tasks and Futures, until the first has ended; the others are
--- cancelled. Raises its error if it failed. May wait.
---@param ... function|crun.Awaitable|table
---@return any ... its results
function crun.race(...) end

---@class crun.WaitOptions
---@field when? "all"|"first"|"error" "all" is the default
---@field count? integer that many are enough
---@field timeout? number seconds

--- Waits until all of a list have ended, or as the options say; raises nothing of theirs. May wait.
---@param list crun.Awaitable[]
---@param options? number|crun.WaitOptions seconds, or options
---@return crun.Awaitable[] done, crun.Awaitable[] pending
function crun.wait(list, options) end

--- For a loop: each as soon as it has ended. Each step may wait; raises "ETIMEDOUT: ..." when the
--- time for all is over.
---@param list crun.Awaitable[]
---@param timeout? number seconds for the whole loop
---@return fun(): crun.Awaitable? next, nil, nil, any closing
function crun.as_completed(list, timeout) end

---@class crun.JoinallOptions
---@field timeout? number seconds
---@field count? integer so many are enough
---@field raise? boolean true: the first error, in time, is raised

--- Waits until all have ended, however they ended. May wait.
---@param list crun.Awaitable[]
---@param options? number|crun.JoinallOptions seconds, or options
---@return true? done, string? message, string? code "ETIMEDOUT"
function crun.joinall(list, options) end

--- Cancels all and waits until they are over. May wait.
---@param list crun.Awaitable[]
---@param reason? any
---@param timeout? number seconds
---@return true? done, string? message, string? code "ETIMEDOUT"
function crun.killall(list, reason, timeout) end

--- A group of the running task, which has to close it: `local group <close> = crun.Group()`.
--- Never waits.
---@return crun.Group
function crun.Group() end

--- Calls fn(group, ...) and waits for the tasks of the group. Raises a crun.Error of all errors.
--- May wait.
---@param fn fun(group: crun.Group, ...: any): ...: any
---@param ... any
---@return any ... fn's results; nil, message, "ECANCELED" when group:cancel ended it
function crun.group(fn, ...) end

--- {object}, {object, verb}, {object, "send", value}, or {seconds}; false: a case left out.
---@alias crun.Case false|{[1]: any, [2]?: string, [3]?: any}

--- Waits for the first of several things and does it: `select{{queue, "get"}, {channel, "send", v},
--- {channel, "recv"}, {task}, {event}, {lock}, {stream, "read"}, {seconds}, timeout =, default =}`.
--- May wait.
---@param cases crun.Case[]|{timeout?: number, default?: boolean}
---@return integer? case its number, 0 for the default; nil, message, "ETIMEDOUT" for the timeout
---@return any ... what the operation returns
function crun.select(cases) end

--- Never waits.
---@return crun.Future
function crun.Future() end

--- Calls fn(...) in a task of its own, after what is ready now. Never waits.
---@param fn function
---@param ... any
---@return crun.Handle
function crun.call_soon(fn, ...) end

--- The same after so many seconds. Does not keep the program alive. Never waits.
---@param seconds number
---@param fn function
---@param ... any
---@return crun.Handle
function crun.call_later(seconds, fn, ...) end

--- The same at a time of the clock of now(). Never waits.
---@param time number seconds
---@param fn function
---@param ... any
---@return crun.Handle
function crun.call_at(time, fn, ...) end

--- Runs fn(...) as a task, or waits for a Task or Future; raises its error. May wait.
---@param what function|crun.Awaitable
---@param ... any
---@return any ... its results
function crun.run(what, ...) end

--- Waits until somebody calls stop. May wait.
function crun.run_forever() end

--- Makes run_forever return once what is ready has had its turn. Never waits.
function crun.stop() end

--- A call of fn(...) so many seconds after its start(). Never waits.
---@param seconds number
---@param fn function
---@param ... any
---@return crun.Timer
function crun.Timer(seconds, fn, ...) end

--- A pool that runs so many jobs at a time. Never waits.
---@param n? integer places; nil: no limit
---@param options? {window?: integer} how many jobs imap may be ahead of its reader
---@return crun.Pool
function crun.Pool(n, options) end

--- Makes a Supervisor, which is to be started. Never waits.
---@param options crun.Supervisor.Options
---@return crun.Supervisor
function crun.Supervisor(options) end

--- A greenlet of the running task; the active one becomes its parent. Never waits.
---@param fn function
---@return crun.Greenlet
function crun.Greenlet(fn) end

--- The active greenlet of the running task; its root if it has no other. Never waits.
---@return crun.Greenlet
function crun.getcurrent() end

--- An object whose fields each task has for itself. Never waits; a function given to it may.
---@param init? table|fun(loc: table) the fields each task starts with, or what sets them
---@param options? {inherit?: boolean} true: a spawned task starts with a copy of its spawner's
---@return table
function crun.Local(init, options) end

--- A variable of which each task has its own value, at first that of its spawner. Never waits.
---@param name string
---@param default? any
---@return crun.ContextVar
function crun.ContextVar(name, default) end

--- Belongs to the task that took it; granted in the order of asking. Never waits.
---@return crun.Lock
function crun.Lock() end

--- The same; its holder may take it again. Never waits.
---@return crun.RLock
function crun.RLock() end

--- Many may read or one write; writers are preferred. Never waits.
---@return crun.RWLock
function crun.RWLock() end

--- Never waits.
---@param n? integer units to begin with, 1 if absent
---@return crun.Semaphore
function crun.Semaphore(n) end

--- The same; raises at one release too many. Never waits.
---@param n? integer
---@return crun.BoundedSemaphore
function crun.BoundedSemaphore(n) end

--- Never waits.
---@return crun.Event
function crun.Event() end

--- Never waits.
---@param lock? crun.Lock|crun.RLock an RLock of its own if absent
---@return crun.Condition
function crun.Condition(lock) end

--- Never waits.
---@param n integer tasks
---@param action? function the last to come calls it before any goes on
---@return crun.Barrier
function crun.Barrier(n, action) end

--- Never waits.
---@return crun.WaitGroup
function crun.WaitGroup() end

--- The oldest item comes out first. Never waits.
---@param maxsize? integer nil, 0: no limit
---@return crun.Queue
function crun.Queue(maxsize) end

--- The newest item comes out first. Never waits.
---@param maxsize? integer
---@return crun.LifoQueue
function crun.LifoQueue(maxsize) end

--- The smallest item comes out first, of equal ones the oldest. Never waits.
---@param less? integer|fun(a: any, b: any): boolean `<` if absent; an integer is the maxsize
---@param maxsize? integer
---@return crun.PriorityQueue
function crun.PriorityQueue(less, maxsize) end

--- Never waits.
---@param capacity? number nil, 0: each send meets its receive; math.huge: no limit
---@return crun.Channel
function crun.Channel(capacity) end

--- Two Connections, joined by a pair of sockets: what is sent at one end is received at the other,
--- in the same task, thread or process, or in another one. Never waits.
---@return crun.Connection? one, crun.Connection|string other, string? code
function crun.Pipe() end

--- Writes a list of all live tasks: what each waits for, who keeps it from that, where it is.
--- Never waits.
---@param file? file*|{write: function} stderr if absent
function crun.dump(file) end

--- The same as a string. Never waits.
---@return string
function crun.dump_string() end

--- Reports on stderr each task that holds the hub longer than that. Never waits.
---@param seconds? number nil: nobody is watched
---@return number? before
function crun.watchdog(seconds) end

--- A task that computes longer than that lets others run. Never waits.
---@param seconds? number nil: only tasks whose field `preempt` is true
---@return number? before
function crun.preempt(seconds) end

--- Calls fn(...) in a thread and waits for it, while other tasks go on. Up to 32 run at the same
--- time. A cancel of the caller cancels the function and does not wait for it. May wait. Raises: its
--- error; what cannot be sent; that no thread can be had.
---@param fn function
---@param ... any
---@return any ...
function crun.to_thread(fn, ...) end

--- The threads that this one has started and that have not ended. Never waits.
---@return crun.Thread[]
function crun.threads() end

--- Which thread this is; `main`: the program's first. Never waits.
---@return {name: string, ident: integer, main: boolean}
function crun.current_thread() end

--- The processes that this thread has started and that have not ended, in order of their starts.
--- Never waits.
---@return crun.Process[]
function crun.processes() end

--- Which process this is: the name that its starter gave it, its number, whether it is the program
--- itself. Never waits.
---@return {name: string, pid: integer, main: boolean}
function crun.current_process() end

--- The processors that this thread may run on. Never waits.
---@return integer
function crun.cpu_count() end

--- The id of this process. Never waits.
---@return integer
function crun.getpid() end

--- A pool of threads, which start when jobs need them. Never waits.
---@param size? integer nil: one for each processor
---@param options? crun.ExecutorOptions
---@return crun.Executor
function crun.ThreadPool(size, options) end

--- A pool of processes, which start when jobs need them. Never waits.
---@param size? integer
---@param options? crun.ExecutorOptions
---@return crun.Executor
function crun.ProcessPool(size, options) end

--- Calls fn for each item, at most `limit` at a time, in a pool made for it. May wait. Raises: the
--- error of the first item that failed.
---@param fn function
---@param items any[]|function a list or an iterator
---@param options? {on?: "tasks"|"threads"|"processes", limit?: integer}
---@return any[]
function crun.map(fn, items, options) end

--- Makes what workers share; whatever it makes lives in this hub. Closing it closes its queues and
--- channels. Never waits.
---@return crun.Manager
function crun.Manager() end

return crun
