/*
 * SPDX-License-Identifier: MIT
 *
 * Locks and their kin between the tasks of one hub.
 *
 * Laws:
 * - First come, first served, by hand-off: a lock that is released, or a unit that comes free,
 *   belongs at once to the task that has waited longest; nobody can take it in between.
 * - A task whose wait ends by deadline or cancel holds nothing, and costs nobody their turn. A
 *   task that was given something before its cancel has it, and meets the cancel at its next wait.
 * - Locks belong to tasks: only the holder may release. A lock whose holder ends without releasing
 *   it stays taken: what it guards may be half done. Who asks for it gets CRUN_EBROKEN.
 *
 * Objects live in caller's memory: init sets one up; there is nothing to undo once nobody waits
 * for it and nobody holds it. Thread, for everything here: the hub's. Functions with a deadline
 * switch if they have to wait. Their results: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED, or what is named.
 */
#ifndef CRUN_SYNC_H
#define CRUN_SYNC_H

#include <stdbool.h>
#include <stddef.h>

#include <crun/task.h>

/* A queue of waiting tasks; opaque, here only for its size. */
typedef struct crun_waitq {
    struct crun_wait *first;
} crun_waitq;

/* That a task holds something; opaque. */
typedef struct crun_hold {
    crun_task *task; /* NULL: nobody */
    struct crun_hold *next, **link;
    const char *kind;                         /* "Lock" */
    void (*deserted)(struct crun_hold *hold); /* its holder has ended */
    uint64_t deserter;                        /* id of that */
    /* For a host language: where it was taken when that was last noted. */
    const void *function;
    const char *source; /* NULL: never */
    int line;
    bool noted;     /* this time */
    unsigned taken; /* how often */
} crun_hold;

/* --- lock --------------------------------------------------------------------------------- */

typedef struct crun_lock {
    crun_hold hold;
    crun_waitq waiters;
    size_t depth; /* of the holder's acquisitions */
    bool reentrant;
} crun_lock;

CRUN_API void crun_lock_init(crun_lock *lock, bool reentrant);

/*
 * Returns also: CRUN_EBROKEN; CRUN_EDEADLK: the caller holds it and it is not reentrant, or its
 * holder waits, maybe through further locks, for one that the caller holds. With CRUN_NOWAIT,
 * which waits for nobody, that is CRUN_ETIMEDOUT, too.
 */
CRUN_API int crun_lock_acquire(crun_lock *lock, crun_time deadline);

/* Returns: 0, or CRUN_EPERM when the caller does not hold it. Never switches. */
CRUN_API int crun_lock_release(crun_lock *lock);

/* --- semaphore ---------------------------------------------------------------------------- */

typedef struct crun_sem {
    crun_waitq waiters;
    size_t count;
    size_t limit; /* SIZE_MAX: none */
} crun_sem;

/* With a limit, releasing beyond it is an error. */
CRUN_API void crun_sem_init(crun_sem *sem, size_t count, size_t limit);
CRUN_API int crun_sem_acquire(crun_sem *sem, crun_time deadline);

/*
 * Gives n units back, or new ones. Returns: 0, or CRUN_EINVAL beyond the limit, with nothing done.
 */
CRUN_API int crun_sem_release(crun_sem *sem, size_t n);

/* --- event -------------------------------------------------------------------------------- */

typedef struct crun_event {
    crun_waitq waiters;
    bool set;
} crun_event;

CRUN_API void crun_event_init(crun_event *event);

/* Wakes all who wait, even if it is cleared before they run. */
CRUN_API void crun_event_set(crun_event *event);
CRUN_API void crun_event_clear(crun_event *event);
CRUN_API int crun_event_wait(crun_event *event, crun_time deadline);

/* --- condition ---------------------------------------------------------------------------- */

typedef struct crun_cond {
    crun_waitq waiters;
    crun_lock *lock;
} crun_cond;

CRUN_API void crun_cond_init(crun_cond *cond, crun_lock *lock);

/*
 * Gives the lock up, however often it was acquired, waits to be notified, and holds the lock as
 * before when it returns, whatever ended the wait; a deadline or cancel does not end the wait for
 * the lock. Who is cancelled after it was notified and before it got the lock passes the
 * notification on. Returns also: CRUN_EPERM: the caller does not hold the lock. It does not hold
 * it either after CRUN_EBROKEN and CRUN_EDEADLK, as with crun_lock_acquire, and after
 * CRUN_ENOSTACK.
 */
CRUN_API int crun_cond_wait(crun_cond *cond, crun_time deadline);

/*
 * The n that have waited longest, or all if they are fewer, go on once they get the lock, for
 * which they now stand in line. Returns: 0 or CRUN_EPERM.
 */
CRUN_API int crun_cond_notify(crun_cond *cond, size_t n);

/* --- barrier ------------------------------------------------------------------------------ */

typedef struct crun_barrier {
    crun_waitq
        waiters; /* of this round in the order of arrival, then those who came while acting */
    size_t parties;
    size_t arrived;
    size_t round; /* how many were opened or reset */
    bool broken;
    bool acting; /* all have arrived, and the last of them still has something to do */
} crun_barrier;

/* For parties >= 1 tasks. */
CRUN_API void crun_barrier_init(crun_barrier *barrier, size_t parties);

/*
 * Waits for the others. Returns: the order of arrival, from 1; CRUN_EBROKEN when the barrier is
 * broken, or a wait at it was given up, which breaks it.
 */
CRUN_API int crun_barrier_wait(crun_barrier *barrier, crun_time deadline);

/* Breaks it: who waits, and who comes, gets CRUN_EBROKEN. */
CRUN_API void crun_barrier_abort(crun_barrier *barrier);

/* Makes it whole and empty; who waits gets CRUN_EBROKEN. */
CRUN_API void crun_barrier_reset(crun_barrier *barrier);

/* --- reader-writer lock ------------------------------------------------------------------- */

/* Writers are preferred: while one waits, no further reader gets in. */
typedef struct crun_rwlock {
    crun_hold writer;
    crun_waitq readers;
    crun_waitq writers;
    size_t reading;
} crun_rwlock;

CRUN_API void crun_rwlock_init(crun_rwlock *lock);

/*
 * Return also: CRUN_EBROKEN and CRUN_EDEADLK, as with crun_lock_acquire, where the writer is the
 * holder. Who reads is not known: a reader that asks to write waits for itself, and so does one
 * that asks to read again while a writer waits.
 */
CRUN_API int crun_rwlock_read(crun_rwlock *lock, crun_time deadline);
CRUN_API int crun_rwlock_write(crun_rwlock *lock, crun_time deadline);

/* Return: 0, or CRUN_EPERM when nobody reads, or the caller is not the writer. */
CRUN_API int crun_rwlock_read_done(crun_rwlock *lock);
CRUN_API int crun_rwlock_write_done(crun_rwlock *lock);

/* --- wait group --------------------------------------------------------------------------- */

typedef struct crun_waitgroup {
    crun_waitq waiters;
    size_t count;
} crun_waitgroup;

CRUN_API void crun_waitgroup_init(crun_waitgroup *group);

/* Returns: 0, or CRUN_EINVAL when the count would fall below zero. */
CRUN_API int crun_waitgroup_add(crun_waitgroup *group, ptrdiff_t n);

/* Waits until the count is zero. */
CRUN_API int crun_waitgroup_wait(crun_waitgroup *group, crun_time deadline);

#endif
