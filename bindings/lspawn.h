/*
 * SPDX-License-Identifier: MIT
 *
 * What spawning shares with the rest of the module.
 */
#ifndef CRUN__LSPAWN_H
#define CRUN__LSPAWN_H

#include "bind.h"
#include "lsite.h"

/* spawn(fn, ...) -> Task. Switches: never. */
int crun__l_spawn(lua_State *L);

/*
 * spawn_for(level, fn, ...) -> Task: the same on behalf of another function, which is `level` above
 * the calling one; there the task counts as spawned. Switches: never.
 */
int crun__l_spawn_for(lua_State *L);

/*
 * For functions with the shared upvalues: starts a task of the function at index fn and the nargs
 * arguments behind it, which stay there; pushes the Task. level names the function that counts as
 * the spawning one, as for lua_getstack.
 */
void crun__ltask_spawn_at(lua_State *L, int fn, int nargs, int level);

/*
 * crun__ltask_spawn for a task that inherits what was kept at that absolute index, not what its
 * spawner has: see crun__heritage_push.
 */
void crun__ltask_spawn_heir(lua_State *L, int nargs, int heritage);

/* Makes it the place where the new task counts as spawned, and takes over its reference. */
void crun__ltask_set_site(ltask *task, crun__site site);

/*
 * Gives the task, which has none, a coroutine with its function and arguments on it. For where
 * nothing may be raised. Returns false without memory.
 */
bool crun__coroutine_start(crun__lua *u, ltask *task);

/* Empties a coroutine that is at its base level, and keeps it for another task if there is room. */
void crun__coroutine_give_back(crun__lua *u, lua_State *co);

/* Raises when all has ended. */
void crun__before_spawn(lua_State *L);

void crun__ltask_type_init(crun__lua *u, crun_hub *hub);

/*
 * task:on_done(fn) -> handle with remove(); fn(task) is called once it has ended, in a later turn.
 */
int crun__l_on_done(lua_State *L);

/* on_end(task, fn) -> handle: the same, but a failure is still reported as nobody's concern. */
int crun__l_on_end(lua_State *L);

/* Starts a task for each end-of-task callback of the task at the index. */
void crun__callbacks_start(lua_State *L, int index);

/* Pushes the upvalues that all functions share, in order. */
void crun__push_upvalues(lua_State *L);

/* Makes the sentinel the newest object with a finalizer. */
void crun__sentinel_renew(lua_State *L);

/* The same, after a wait of the main task that was long enough for others to make objects. */
void crun__sentinel_after_wait(lua_State *L, crun_task *self);

/* Before os.exit closes the state: cancels all other tasks and waits for their clean-ups. */
void crun__lua_exit(lua_State *L);

/* Cancels the main task and all others but daemons; reason must stay valid. Raises nothing. */
void crun__lua_stop(const char *reason);

/* Makes sure that there is an object which the collector will find in its next cycle. */
void crun__cycle_marker(lua_State *L);

#endif
