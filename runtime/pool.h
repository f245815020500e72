/*
 * SPDX-License-Identifier: MIT
 *
 * Pools as the bindings see them. A task in a pool is watched by a member record, which may hold a
 * place. Tasks without one are in the pool, too: those that still wait for theirs, and those that
 * use the place of a job that waits for them.
 */
#ifndef CRUN__POOL_H
#define CRUN__POOL_H

#include <crun/pool.h>

#include "task.h"

typedef struct crun__pool_member {
    crun_wait watch;  /* on the task's end */
    crun_wait ticket; /* in the line for a place, from the moment in which the task was added */
    crun_waitq owner; /* the task, when it waits for that place */
    crun_pool *pool;
    struct crun__pool_member *next, **link; /* among the pool's */
    bool placed;
} crun__pool_member;

typedef enum crun__pool_way {
    CRUN__POOL_PLACED, /* in a place that has been taken for it */
    CRUN__POOL_GUEST,  /* without a place of its own */
    CRUN__POOL_QUEUED  /* stands in line for a place, which it waits for as its first step */
} crun__pool_way;

/* Makes sure that the next member can be added without memory. Returns: 0 or CRUN_ENOMEM. */
int crun__pool_reserve(crun_pool *pool);

/* The task is in the pool from now on. It must be new, or the running one. */
void crun__pool_add(crun_pool *pool, crun_task *task, crun__pool_way way);

/* A queued one waits for its place. Returns: 1: it has it; 0: it must arm its wait and park. */
int crun__pool_occupy_begin(crun__pool_member *member, crun_task *self);

/* The task's record in the pool; NULL: it is not in it. */
crun__pool_member *crun__pool_member_of(const crun_pool *pool, const crun_task *task);

/* Takes a free place. Nobody waits while there is one. */
static inline bool crun__pool_take(crun_pool *pool)
{
    if (pool->taken >= pool->size)
        return false;
    pool->taken++;
    return true;
}

/* A place is free again: it goes to who has waited longest. */
void crun__pool_give_back(crun_pool *pool);

/*
 * Asks for a place, for ever or not. Returns: 1: taken; 0: the wait is registered, and it must arm
 * it and park; CRUN_EDEADLK.
 */
int crun__pool_begin(crun_pool *pool, crun_task *self, bool forever);

/* The same for a place that nobody takes, and for the end of all tasks. */
int crun__pool_available_begin(crun_pool *pool, crun_task *self);
int crun__pool_join_begin(crun_pool *pool, crun_task *self);

#endif
