/*
 * SPDX-License-Identifier: MIT
 *
 * Greenlets: several stacks of one task that switch to each other by hand, passing values.
 *
 * Laws:
 * - A greenlet belongs to the task that created it. A switch is no turn: no other task runs.
 * - What a greenlet waits for, its task waits for; cancel and locks are the task's.
 * - When a greenlet's function returns, its parent goes on: the nearest that has not ended.
 * - When a task's function returns, its suspended greenlets are unwound, the last started first:
 *   their switches return CRUN_ECANCELED, and so does each further one that they try.
 * - Greenlets of Lua tasks are another kind, made in Lua: these are for tasks of crun_spawn and for
 *   a C host's main task.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_GREENLET_H
#define CRUN_GREENLET_H

#include <stdbool.h>

#include <crun/task.h>

typedef struct crun_greenlet crun_greenlet;

/*
 * What a greenlet runs. value: from the first switch to it. Returns: 0 and in *result what the
 * parent's switch receives; or a negative code, which the parent's switch returns.
 */
typedef int crun_greenlet_fn(void *value, void **result);

/*
 * Creates a greenlet of the running task, whose active greenlet becomes its parent.
 * Returns: 0, CRUN_ENOMEM, or CRUN_EPERM in a Lua task or outside of tasks. Switches: never.
 * Owns: the caller frees it with crun_greenlet_free, also after its task has ended.
 */
CRUN_API int crun_greenlet_new(crun_greenlet_fn *fn, crun_greenlet **out);

/* A suspended one is unwound first, in its own task. Switches: only for that, which may wait.
 * Returns: 0, or CRUN_EPERM with nothing done: it is active, or suspended in another task. */
CRUN_API int crun_greenlet_free(crun_greenlet *g);

/* The running task's active greenlet; its root's stands for the task's own stack and is never
 * freed. NULL without memory or as crun_greenlet_new. */
CRUN_API crun_greenlet *crun_greenlet_current(void);

/* NULL for a root. */
CRUN_API crun_greenlet *crun_greenlet_parent(const crun_greenlet *g);

/* Whether its function has returned, or its task has ended. */
CRUN_API bool crun_greenlet_dead(const crun_greenlet *g);

/*
 * Goes on in the greenlet, or for a dead one in the nearest parent that is not; comes back when
 * something switches here. out, when not NULL, receives what that hands over.
 * Returns: 0; a code that was thrown or that a child ended with; CRUN_ECANCELED: return now;
 * CRUN_EPERM: it is another task's; CRUN_ENOSTACK: no stack to start it on.
 */
CRUN_API int crun_greenlet_switch(crun_greenlet *g, void *value, void **out);

/* The same, but the greenlet's own switch returns the code; a new one ends without starting. */
CRUN_API int crun_greenlet_throw(crun_greenlet *g, int code, void **out);

#endif
