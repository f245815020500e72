/*
 * SPDX-License-Identifier: MIT
 *
 * Threads as Lua has them: a thread of the runtime with a Lua state of its own, which runs the Lua
 * module crun.worker.
 */
#ifndef CRUN__LTHREAD_H
#define CRUN__LTHREAD_H

#include "bind.h"
#include "lnewstate.h"

/* --- lthread_state.c: the new state, on the starter's thread -------------------------------- */

/*
 * Makes a Lua state with all standard libraries, in which modules are found as in L: by the same
 * paths, and by the C functions in package.preload. Returns: LUA_OK, or an error's status with the
 * error pushed on L. Raises nothing else but memory errors of L.
 */
int crun__lthread_state(lua_State *L, crun__newstate *own, lua_State **out);

/* --- lthread_libs.c: what of the standard libraries is another one in a thread --------------- */

void crun__lthread_libs(lua_State *L);

/* Where in its registry a state just made keeps Lua's own print. */
#define CRUN__LTHREAD_PRINT "crun.print"

/*
 * print in one piece, so that lines of several threads do not run into each other. It takes the
 * place of Lua's own in L, which is known by that of a state just made.
 */
int crun__lthread_print(lua_State *L);

#endif
