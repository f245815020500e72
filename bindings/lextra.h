/*
 * SPDX-License-Identifier: MIT
 *
 * What some tasks keep beside themselves while they live: their active greenlet, their values of
 * Locals, their context. It lies in tables of the store, by the task's slot, so that a task that
 * keeps nothing costs nothing; and it goes when the task ends, whoever still refers to the Task.
 */
#ifndef CRUN__LEXTRA_H
#define CRUN__LEXTRA_H

#include "bind.h"

/* Which table: places in the store. */
typedef enum crun__extra {
    CRUN__EXTRA_GREENLET = CRUN__STORE_GREENLETS,
    CRUN__EXTRA_LOCALS = CRUN__STORE_LOCALS,
    CRUN__EXTRA_CONTEXT = CRUN__STORE_CONTEXTS
} crun__extra;

/* The running task, which must be one of Lua; what: "a Local", for the error otherwise. */
ltask *crun__extra_task(lua_State *L, const char *what);

/* Pushes what the task keeps there, nil or false for nothing. Returns its type. Needs no memory. */
static inline int crun__extra_get(lua_State *L, const ltask *task, crun__extra which)
{
    if (!(task->base.flags & CRUN__EXTRA)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_State *store = crun__universe->store;
    int type = lua_rawgeti(store, which, task->slot);
    lua_xmove(store, L, 1);
    return type;
}

/* Pops what the task is to keep there. */
void crun__extra_set(lua_State *L, ltask *task, crun__extra which);

/* The same for a task that has something there already. Needs no memory. */
static inline void crun__extra_replace(lua_State *L, const ltask *task, crun__extra which)
{
    lua_State *store = crun__universe->store;
    lua_xmove(L, store, 1);
    lua_rawseti(store, which, task->slot);
}

/* The task's end: it keeps nothing any more. Needs no memory. */
void crun__extra_drop(ltask *task);

/* --- what a spawned task takes along ------------------------------------------------------- */

/* Why spawning takes more than making a task. */
enum {
    CRUN__SPAWN_ENDED = 1,   /* it is refused */
    CRUN__SPAWN_CONTEXT = 2, /* there are ContextVars */
    CRUN__SPAWN_LOCALS = 4   /* there are Locals that spawned tasks inherit */
};

/*
 * Pushes the context and the Locals that a task spawned now takes along, or nothing. Returns: the
 * index of the first, or 0.
 */
int crun__extra_inherit(lua_State *L);

/*
 * Pushes the same as one value, for a task that is spawned later on behalf of the running one;
 * false if there is nothing.
 */
void crun__heritage_push(lua_State *L);

/* What crun__extra_inherit pushes, from such a value at an absolute index. */
int crun__heritage_open(lua_State *L, int heritage);

/*
 * Gives the two to the task that is about to get the slot, where they count once it has
 * the flag CRUN__EXTRA. Runs no finalizer, which could spawn a task that gets the slot instead.
 */
void crun__extra_bequeath(lua_State *L, int inherited, uint32_t slot);

/* Pushes the context that a task spawned now inherits, or false. */
void crun__context_inherit(lua_State *L, ltask *spawner);

/* Pushes copies of what the spawner has in inherited Locals, or false. */
void crun__locals_inherit(lua_State *L, ltask *spawner);

#endif
