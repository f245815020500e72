/*
 * SPDX-License-Identifier: MIT
 *
 * OS threads with a hub of their own.
 *
 * Laws:
 * - A thread belongs to the hub that started it: only that one's thread asks anything of it. At its
 *   own end that hub interrupts the threads it has left, and joins them.
 * - Starting does not wait. What the thread needs to begin is got before, so that a start that
 *   succeeds is followed by `run`, unless memory is exhausted in that very moment.
 * - A thread takes no signals but those that its own instructions cause, SIGPIPE, and nudges.
 * - An interrupt reaches a thread that waits in its hub, and one that computes, by a nudge. How
 *   `run` ends then is up to it; a thread inside of a foreign function comes to it afterwards. From
 *   the first interrupt on the nudge is repeated, ever less often, until the thread ends.
 */
#ifndef CRUN__THREAD_H
#define CRUN__THREAD_H

#include <crun/hub.h>

#include "task.h"

typedef struct crun__thread crun__thread;

typedef struct crun__thread_type {
    /*
     * On the new thread, as its hub's main task. The hub is freed when it returns. An interrupt
     * that came before is only pending, so it begins with a look at that.
     */
    void (*run)(crun__thread *thread, void *arg);
    /* On the thread, in a callback of its hub: there may be an interrupt to take. */
    void (*interrupted)(crun__thread *thread, void *arg);
    /* On the thread, in a signal handler: it has been interrupted and may compute. */
    void (*poke)(crun__thread *thread, void *arg);
    /* On the starter's thread, outside of any task: it has ended. */
    void (*ended)(crun__thread *thread, void *arg);
    /* The same, later: nobody refers to it any more. */
    void (*release)(void *arg);
} crun__thread_type;

/*
 * Starts a thread for the running hub; the caller has a reference to it. Returns: 0, or a code with
 * `arg` untouched: CRUN_EAGAIN (the system has no more threads), CRUN_ENOMEM, or one of libuv's
 * (descriptors). Switches: never.
 */
int crun__thread_start(const crun__thread_type *type, void *arg, crun__thread **out);

/* Gives the reference back. The thread goes on. Thread: the starter's. */
void crun__thread_drop(crun__thread *thread);

/* Whether it has not ended yet, as far as the starter's hub knows. */
bool crun__thread_alive(const crun__thread *thread);

/* 0, or why it could not begin; for one that has ended. */
int crun__thread_code(const crun__thread *thread);

/* The kernel's number of it. Blocks until it has begun, which is a matter of microseconds. */
int crun__thread_ident(crun__thread *thread);

/*
 * First phase of waiting for its end. Returns: 1: it has ended; 0: the task's wait is registered.
 * Thread: the starter's.
 */
int crun__thread_join_begin(crun__thread *thread, crun_task *self);

/*
 * Interrupts it, for a reason that is copied; one that is pending is replaced. Returns: 0;
 * CRUN_EALREADY (it has ended), CRUN_ENOMEM. Thread: the starter's. Switches: never.
 */
int crun__thread_interrupt(crun__thread *thread, const char *reason);

/*
 * The reason of an interrupt that is pending, which no longer is then; NULL: there is none. Stays
 * until the next take. Thread: the thread itself.
 */
const char *crun__thread_take(crun__thread *thread);

/* Interrupts the hub's threads and waits for them. Switches: yes. */
void crun__threads_end(crun_hub *hub);

#endif
