/*
 * SPDX-License-Identifier: MIT
 *
 * Lua states of crun's own making, the program's and the threads': with an allocator of their own,
 * warnings that are off until somebody turns them on, last words for what nobody catches.
 */
#ifndef CRUN__LNEWSTATE_H
#define CRUN__LNEWSTATE_H

#include <stdbool.h>
#include <time.h>

#include <lua.h>

#include "../runtime/slab.h"

/* What such a state needs beside itself; stays where it is until the state is closed. */
typedef struct crun__newstate {
    crun__slabs slabs;
    time_t trimmed; /* when memory was given back last */
    struct {
        bool on;
        bool inside; /* a message of which more pieces are to come */
    } warnings;
} crun__newstate;

/* Returns: an empty state, or NULL without memory. One thread at a time may use it. */
lua_State *crun__newstate_open(crun__newstate *own);

/* Lets the state give memory back that it no longer needs. May raise for want of memory. */
void crun__newstate_trim(lua_State *L, crun__newstate *own);

/* Closes the state and frees all of its memory. */
void crun__newstate_close(lua_State *L, crun__newstate *own);

#endif
