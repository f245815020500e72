/*
 * SPDX-License-Identifier: MIT
 *
 * A hub runs the tasks of one OS thread and waits for I/O and time on their behalf.
 *
 * Laws:
 * - One hub per thread; it belongs to the thread that created it. Only crun_hub_post and
 * crun_hub_wake may be called from others.
 * - The code that creates the hub is its main task: it may call everything that waits.
 * - Nothing is shared between hubs.
 */
#ifndef CRUN_HUB_H
#define CRUN_HUB_H

#include <stddef.h>

#include <crun/error.h>
#include <crun/export.h>
#include <crun/time.h>

typedef struct crun_hub_options {
    size_t size;       /* sizeof(crun_hub_options), so that it can grow */
    size_t stack_size; /* bytes of address space per C stack, at least 32 KiB; 0: 1 MiB */
    /* Stacks parked before waits that can yield do so; 0: 1024, fewer where `ulimit -v` is set. */
    size_t stack_budget;
} crun_hub_options;

#define CRUN_HUB_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(crun_hub_options), 0, 0                                                             \
    }

/* Ready tasks run first in, first out, or in an order drawn from a seed. */
#define CRUN_SCHEDULE_FIFO ((uint64_t)0)

/*
 * Creates the calling thread's hub; options may be NULL.
 * Returns: 0 and the hub, or CRUN_EALREADY (the thread has one), CRUN_ENOMEM, or a code of libuv's.
 * Owns: the caller frees it with crun_hub_free.
 */
CRUN_API int crun_hub_new(crun_hub **out, const crun_hub_options *options);

/*
 * Cancels every task, runs until they have ended, closes all handles, frees the hub. What clean-ups
 * spawn meanwhile is cancelled at once.
 * Switches: yes. Thread: the hub's, from its main task.
 */
CRUN_API void crun_hub_free(crun_hub *hub);

/* The calling thread's hub, or NULL. */
CRUN_API crun_hub *crun_hub_current(void);

/*
 * Runs until every task that is not a daemon has ended.
 * Switches: yes. Thread: the hub's, from its main task.
 * Returns: 0; CRUN_EDEADLK when the tasks left wait for what nothing alive can bring;
 * CRUN_ECANCELED when the main task was cancelled.
 */
CRUN_API int crun_hub_run(crun_hub *hub);

/*
 * Calls fn(arg) soon on the hub's thread, outside of any task: it must not wait. Calls keep their
 * order. Thread: any. Returns: 0 or CRUN_ENOMEM.
 */
CRUN_API int crun_hub_post(crun_hub *hub, void (*fn)(void *arg), void *arg);

/* Makes the hub look at its inbox and timers soon. Thread: any; safe in a signal handler. */
CRUN_API void crun_hub_wake(crun_hub *hub);

/*
 * Sets what is called on the hub's thread, outside of any task, soon after crun_hub_wake: the safe
 * half of a signal handler. NULL for nothing. Thread: the hub's.
 */
CRUN_API void crun_hub_on_wake(crun_hub *hub, void (*fn)(void *arg), void *arg);

/*
 * While held, a hub whose tasks all wait is not deadlocked: another thread has promised to post.
 * Calls nest. Thread: the hub's.
 */
CRUN_API void crun_hub_hold(crun_hub *hub);
CRUN_API void crun_hub_release(crun_hub *hub);

/* CRUN_SCHEDULE_FIFO, or the seed of a shuffled but repeatable order. Thread: the hub's. */
CRUN_API void crun_hub_set_schedule(crun_hub *hub, uint64_t seed);

/* Sets how many stacks may be parked before waits that can yield do so; returns the old number. */
CRUN_API size_t crun_hub_set_stack_budget(crun_hub *hub, size_t stacks);

typedef struct crun_hub_stats {
    size_t size;        /* in: sizeof(crun_hub_stats) */
    size_t tasks;       /* alive, the main task not counted */
    size_t daemons;     /* of those, daemons */
    size_t stacks;      /* C stacks mapped, the thread's own not counted */
    size_t stacks_idle; /* of those, kept for reuse */
    size_t timers;      /* deadlines set */
    size_t handles;     /* libuv handles that tasks opened */
    uint64_t switches;  /* tasks resumed since the hub began, a multiple of the polling budget */
} crun_hub_stats;

/* Fills in what the hub holds now. Switches: never. Thread: the hub's. */
CRUN_API void crun_hub_stats_get(crun_hub *hub, crun_hub_stats *out);

#endif
