/*
 * SPDX-License-Identifier: MIT
 *
 * Callbacks for the end of a task or a future: each runs in a small task of its own.
 */
#ifndef CRUN__LCALLBACK_H
#define CRUN__LCALLBACK_H

#include "bind.h"

/* Pushes the handle, with remove(), of the function at the index. */
void crun__callback_new(lua_State *L, int fn);

/* Pushes an empty list for such handles. */
void crun__callbacks_new(lua_State *L);

/* Adds the handle to the list. */
void crun__callbacks_add(lua_State *L, int list, int handle);

/* Starts a task that calls the handle's function with the subject, unless it is removed by then. */
void crun__callback_start(lua_State *L, int handle, int subject);

/* The same for all handles of the list at the index, in order. */
void crun__callbacks_run(lua_State *L, int list, int subject);

#endif
