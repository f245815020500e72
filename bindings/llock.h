/*
 * SPDX-License-Identifier: MIT
 *
 * Lock and RLock, as Condition sees them, too.
 */
#ifndef CRUN__LLOCK_H
#define CRUN__LLOCK_H

#include "lsync.h"

typedef struct llock {
    crun__object object;
    crun_lock lock;
} llock;

/* Pushes a new one. */
llock *crun__llock_new(lua_State *L, bool reentrant);

/* The Lock or RLock at the index, or NULL. */
llock *crun__llock_test(lua_State *L, int index);

/* The functions acquire, hold and with, according to mode, of the lock at index 1. */
int crun__llock_take(lua_State *L, llock *l, lua_KContext mode);
int crun__llock_release(lua_State *L, llock *l);

#endif
