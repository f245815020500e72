/*
 * SPDX-License-Identifier: MIT
 *
 * Locks and their kin as the bindings see them: the first phases of what may wait.
 *
 * A `begin` returns 1: self has it; 0: its wait is registered, and it must arm it and park, or
 * withdraw; or a code, with nothing changed. Whoever wakes the wait with 0 has given it what it
 * waited for.
 */
#ifndef CRUN__SYNC_IMPL_H
#define CRUN__SYNC_IMPL_H

#include <crun/sync.h>

#include "task.h"

/*
 * The `begin` of each, in the order of sync.h. A deadline is looked at only as to whether it is a
 * try.
 */
int crun__lock_begin(crun_lock *lock, crun_task *self, crun_time deadline);
int crun__sem_begin(crun_sem *sem, crun_task *self);
int crun__event_begin(crun_event *event, crun_task *self);
int crun__rwlock_read_begin(crun_rwlock *lock, crun_task *self, crun_time deadline);
int crun__rwlock_write_begin(crun_rwlock *lock, crun_task *self, crun_time deadline);
int crun__waitgroup_begin(crun_waitgroup *group, crun_task *self);

/* What follows a `begin` in a task that waits by stack. */
static inline int crun__sync_finish(crun_task *self, int begun, crun_time deadline)
{
    if (begun == 0)
        return crun__wait_park(self, deadline);
    return begun < 0 ? begun : 0;
}

/* --- lock --------------------------------------------------------------------------------- */

extern const crun_wait_type crun__rwlock_read_type;
extern const crun_wait_type crun__rwlock_write_type;

/* What the task waits for to be released by the one who holds it; NULL: nothing of that sort. */
const crun_hold *crun__hold_awaited(const crun_task *task);

/* Whether it would wait for itself if it waited for this hold to be released. */
bool crun__hold_circular(const crun_hold *hold, const crun_task *self);

/* The holder is through with it, whatever the depth: it goes to who has waited longest. */
void crun__lock_pass(crun_lock *lock);

/*
 * Puts a wait that stands in no queue into that of the lock. Its task is another one than the
 * running.
 */
void crun__lock_enqueue(crun_lock *lock, crun_wait *wait);

/* Takes the lock again, firmly, at the end of a wait on a condition. As a `begin`. */
int crun__lock_regain(crun_lock *lock, crun_task *self);

/* --- condition ---------------------------------------------------------------------------- */

/* Gives the lock up; depth receives how often it was acquired. Returns: 0 or a code. */
int crun__cond_begin(crun_cond *cond, crun_task *self, size_t *depth);

/*
 * After that wait, whose result is in the task: takes the lock again. As a `begin`, and the park,
 * if need be, is without deadline; once it has the lock its depth is to be set.
 */
int crun__cond_regain(crun_cond *cond, crun_task *self);

/* --- barrier ------------------------------------------------------------------------------ */

/*
 * Returns: 0: registered; > 0: the caller is the last, and unless it has something to do first
 * (acting) the others go on; or a code. A wait that ends with the number of parties has become the
 * last, acting one.
 */
int crun__barrier_begin(crun_barrier *barrier, crun_task *self, bool acting);

/* The last one has done what it had to do, in that round. Returns as crun_barrier_wait. */
int crun__barrier_open(crun_barrier *barrier, size_t round);

#endif
