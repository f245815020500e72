/*
 * SPDX-License-Identifier: MIT
 *
 * crun for hosts of Lua: attaching a Lua state to a hub, and what C functions need to take part.
 *
 * Laws:
 * - A hub serves at most one Lua state (with all its coroutines), on the hub's own thread.
 * - Lua tasks, and Lua code that the host runs on the hub's main stack, may wait wherever they are.
 */
#ifndef CRUN_LUA_H
#define CRUN_LUA_H

#include <lua.h>

#include <crun/crun.h>

/*
 * Ties the state to the calling thread's hub; the code that runs now becomes the main task. Who
 * names the hub calls crun_lua_finish before lua_close. With NULL the thread's hub is taken, or one
 * is created and freed with the state, and closing the state finishes. Attaching the same state
 * again does nothing. Switches: never. Thread: the hub's, from its main task. Returns: 0;
 * CRUN_EALREADY (the hub serves another state), CRUN_EPERM (another thread's hub, or not called
 * from the main task), CRUN_ENOMEM.
 */
CRUN_API int crun_lua_attach(lua_State *L, crun_hub *hub);

/*
 * Opens module `crun.core`: attaches the state if that has not been done, pushes the table of the
 * functions. For package.preload and luaL_requiref. Raises what crun_lua_attach returns.
 */
CRUN_API int luaopen_crun_core(lua_State *L);

/*
 * Ends what runs in the state: waits for its tasks that are no daemons (with CRUN_LUA_CANCEL:
 * cancels them instead), then cancels the daemons; clean-ups run. Afterwards the state may be
 * closed. A deadlock among the tasks left is reported on stderr. Switches: yes. Thread: the hub's,
 * from its main task. Returns: 0 or CRUN_EDEADLK.
 */
CRUN_API int crun_lua_finish(lua_State *L, unsigned flags);

enum { CRUN_LUA_CANCEL = 1 };

/* Failures of tasks that nobody watched, so far. */
CRUN_API size_t crun_lua_failures(lua_State *L);

/*
 * Cancels the main task and all others, for a signal; reason must stay valid. To be called on the
 * hub's thread, inside a task or a callback. Raises nothing.
 */
CRUN_API void crun_lua_interrupt(const char *reason);

/*
 * The lua_State of the task that runs now on this thread, or NULL: where a signal handler sets its
 * hook. A coroutine that runs inside of the task is not seen. Safe in a signal handler.
 */
CRUN_API lua_State *crun_lua_running(void);

/*
 * Starts a task: the function and its nargs arguments are popped, the Task is pushed.
 * Raises: not callable, out of memory. Switches: never.
 */
CRUN_API void crun_lua_spawn(lua_State *L, int nargs);

/*
 * Pushes a Queue that is the host's channel: what Lua puts there must be nil, a boolean, a number
 * or a string. The Queue holds a reference.
 */
CRUN_API void crun_lua_pushchan(lua_State *L, crun_chan *chan);

/* The channel behind such a Queue at the index, borrowed; NULL for anything else. */
CRUN_API crun_chan *crun_lua_tochan(lua_State *L, int index);

#endif
