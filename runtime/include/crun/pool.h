/*
 * SPDX-License-Identifier: MIT
 *
 * Pools: at most so many tasks of a kind at a time.
 *
 * Laws:
 * - A place is taken before a task starts, and given back by the runtime when the task has ended,
 *   however it ended; a task cancelled before its first turn counts, too.
 * - First come, first served, by hand-off: a place that comes free belongs at once to whoever has
 *   waited longest for one.
 * - A pool watches its tasks and keeps none of them alive; a failure that nobody else looks at is
 *   still reported as one.
 *
 * A pool lives in caller's memory. Thread: the hub's. Functions with a deadline switch if they have
 * to wait; their results are 0, CRUN_ETIMEDOUT, CRUN_ECANCELED, or what is named.
 */
#ifndef CRUN_POOL_H
#define CRUN_POOL_H

#include <crun/sync.h>

typedef struct crun_pool {
    crun_waitq waiters;  /* for a place */
    crun_waitq watchers; /* until a place is free, without taking it */
    crun_waitq joiners;  /* until all have ended */
    size_t size;         /* places; SIZE_MAX: no limit */
    size_t taken;        /* of them, those included that were just handed to a waiter */
    size_t count;        /* tasks in it */
    struct crun__pool_member *members, *spare;
    size_t spares;
} crun_pool;

/* A pool of so many places; SIZE_MAX: without limit. */
CRUN_API void crun_pool_init(crun_pool *pool, size_t size);

/* Nobody may be waiting for it. The tasks in it go on by themselves. */
CRUN_API void crun_pool_fini(crun_pool *pool);

/*
 * Waits for a place and starts fn(arg) in it, as crun_spawn. Returns also: CRUN_ENOMEM;
 * CRUN_EDEADLK: all who hold a place, the caller among them, wait for a further one.
 */
CRUN_API int crun_pool_spawn(crun_pool *pool, crun_task_fn *fn, void *arg,
                             const crun_task_options *options, crun_task **out, crun_time deadline);

/* Whether a spawn would have to wait. */
CRUN_API bool crun_pool_full(const crun_pool *pool);

/* Waits until it is not full. */
CRUN_API int crun_pool_wait_available(crun_pool *pool, crun_time deadline);

/*
 * Waits until no task is in it; at once for one that is empty. Returns also: CRUN_EDEADLK: the
 * caller is in it.
 */
CRUN_API int crun_pool_join(crun_pool *pool, crun_time deadline);

/* Cancels all tasks in it, the caller included; the pool can be used further. Never switches. */
CRUN_API void crun_pool_cancel(crun_pool *pool);

#endif
