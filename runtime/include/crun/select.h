/*
 * SPDX-License-Identifier: MIT
 *
 * Waiting for the first of several things: of cases, one of which is chosen and done.
 *
 * Laws:
 * - Exactly one case is done: what the others would have taken stays where it is, and what they
 *   would have sent stays the caller's. A select that ends by deadline or cancel has done none.
 * - Among cases that are ready the choice is drawn, each as likely as the others, by the generator
 *   that a seeded schedule draws from.
 * - A select that waits stands in line at every object like any task that waits there, and leaves
 *   all lines at the moment when its turn comes at one. It never matches itself: a channel may
 *   occur in several cases, to send and to receive.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_SELECT_H
#define CRUN_SELECT_H

#include <crun/chan.h>
#include <crun/future.h>
#include <crun/process.h>
#include <crun/stream.h>
#include <crun/sync.h>

typedef enum crun_case_kind {
    CRUN_CASE_RECV,    /* on.chan: as crun_chan_recv, into `value` */
    CRUN_CASE_SEND,    /* on.chan: as crun_chan_send of `value` */
    CRUN_CASE_LOCK,    /* on.lock: as crun_lock_acquire */
    CRUN_CASE_SEM,     /* on.sem: as crun_sem_acquire */
    CRUN_CASE_EVENT,   /* on.event: as crun_event_wait */
    CRUN_CASE_TASK,    /* on.task: as crun_task_join */
    CRUN_CASE_FUTURE,  /* on.future: as crun_future_wait */
    CRUN_CASE_READ,    /* on.stream: there are bytes to read, its end, or what broke it */
    CRUN_CASE_PROCESS, /* on.process: as crun_process_wait; crun_process_poll has its exit */
    CRUN_CASE_TIMER    /* on.at: the hub's clock has come so far */
} crun_case_kind;

typedef struct crun_case {
    crun_case_kind kind;
    int result; /* out, of the chosen case: 0, CRUN_ECLOSED, CRUN_EBROKEN */
    union {
        crun_chan *chan;
        crun_lock *lock;
        crun_sem *sem;
        crun_event *event;
        crun_task *task;
        crun_future *future;
        crun_stream *stream;
        crun_process *process;
        crun_time at;
    } on;
    crun_value value; /* of a channel's case */
} crun_case;

/*
 * Waits until one of the cases can be done, and does it; with CRUN_NOWAIT, if one can be done now.
 * Switches: may. Returns: the place of the chosen case, from 0, whose `result` tells how it went;
 * or a code, and none was chosen: CRUN_ETIMEDOUT, CRUN_ECANCELED, CRUN_ENOMEM; CRUN_EDEADLK: a
 * case is for a lock, or for the end of a task, that can never come since the caller waits;
 * CRUN_EBROKEN: for a lock that is broken; CRUN_EBUSY: to read what another task reads;
 * CRUN_EINVAL: without cases and without a deadline.
 */
CRUN_API int crun_select(crun_case *cases, size_t count, crun_time deadline);

#endif
