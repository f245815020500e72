/*
 * SPDX-License-Identifier: MIT
 *
 * The task as the runtime and the bindings see it.
 *
 * Every byte counts here: a million parked tasks have a million of these. What only some tasks need
 * belongs to the kind of task or into memory made on demand.
 *
 * Transitions (asserted in debug builds):
 *   NEW -> RUNNING                a runner takes it
 *   NEW -> CANCELLED              cancelled before its first turn
 *   RUNNING -> READY -> RUNNING   it yields
 *   RUNNING -> WAITING -> READY   it parks; a wake, a deadline, a cancel or a close ends the wait
 *   RUNNING -> RETURNED | FAILED | CANCELLED
 */
#ifndef CRUN__TASK_H
#define CRUN__TASK_H

#include <assert.h>

#include <crun/task.h>

#include "wait.h"

typedef struct crun__runner crun__runner;
typedef struct crun__scope crun__scope;

/* How a step ended; LEFT: the runner has been put aside and has a new task by now. */
typedef enum crun__step { CRUN__STEP_ENDED, CRUN__STEP_PARKED, CRUN__STEP_LEFT } crun__step;

/* A kind of task; one per hub and host language, so that a task needs no pointer to its hub. */
typedef struct crun__task_type {
    crun_hub *hub;
    /* Runs the task on the current stack until it ends or gives the stack back (parks by yield). */
    crun__step (*step)(crun_task *task);
    /* The task is over and out of all queues; its memory may go. NULL: nothing to do. */
    void (*ended)(crun_task *task);
    /* The body is over and the task keeps more than itself: see crun__task_unload. */
    void (*unload)(crun_task *task);
} crun__task_type;

enum crun__task_flag {
    CRUN__DAEMON = 1u << 0,
    CRUN__CANCEL = 1u << 1,   /* cancelled as a whole */
    CRUN__DOOMED = 1u << 2,   /* a scope in effect is cancelled: waits fail. Derived, see scope.c */
    CRUN__THROWN = 1u << 3,   /* an error waits to be raised at the next wait, once */
    CRUN__YIELDING = 1u << 4, /* its own yield to the runner is on the way, not a stray one */
    CRUN__OBSERVED = 1u << 5, /* somebody has taken charge of its failure */
    CRUN__KIND_1 = 1u << 6,   /* free for the kind of task */
    CRUN__KIND_2 = 1u << 7,
    CRUN__KIND_3 = 1u << 8,
    CRUN__HOLDER = 1u << 9, /* has held a lock; see hold.h */
    CRUN__EXTRA = 1u << 10, /* keeps what its type's `unload` gives back: greenlets, locals */
    CRUN__LASTING =
        1u << 11,         /* a daemon that others need up to their end: it is ended after them */
    CRUN__TOLD = 1u << 12 /* a cancel error has been raised in it */
};

/* 48 bits: at ten million spawns a second they last for ten months before ids repeat. */
#define CRUN__ID_MASK (((uint64_t)1 << 48) - 1)

struct crun_task {
    crun_wait wait;        /* first: a wait without `fire` is its task */
    crun__task_type *type; /* its kind, and with it its hub */
    crun__runner *runner;  /* the stack it runs or is parked on; NULL: new, or parked by yield */
    crun__scope *scope;    /* the innermost scope it is in; NULL: none but the task itself */
    crun_waitq joiners;
    uint64_t id : 48;
    uint64_t status : 3;
    uint64_t flags : 13;
};

static inline void crun__flag_set(crun_task *task, unsigned flag)
{
    task->flags = (task->flags | flag) & 0x1fff;
}

static inline void crun__flag_clear(crun_task *task, unsigned flag)
{
    task->flags = (task->flags & ~flag) & 0x1fff;
}

static inline crun_task *crun__task_of_wait(crun_wait *w)
{
    return (crun_task *)w;
}

static inline crun_hub *crun__task_hub(const crun_task *task)
{
    return task->type->hub;
}

static inline bool crun__task_ended(const crun_task *task)
{
    return task->status >= CRUN_TASK_RETURNED;
}

/* Somebody will look at how the task ends. */
bool crun__task_watched(const crun_task *task);

/* Sets up caller's memory as a new task and makes it ready to run. */
void crun__task_start(crun_task *task, crun__task_type *type, bool daemon);

/*
 * The running task's body is over: gives back what it keeps beside itself, first its greenlets,
 * which may wait, then its locks. Comes before crun__task_end in every task that has run.
 */
void crun__task_give_back(crun_task *task);

static inline void crun__task_unload(crun_task *task)
{
    if (task->flags & (CRUN__HOLDER | CRUN__EXTRA))
        crun__task_give_back(task);
}

/* Marks the end of the running task (or of one that never ran): joiners wake. */
void crun__task_end(crun_task *task, crun_task_status status);

/* --- waiting ------------------------------------------------------------------------------ */

/*
 * Registers the running task's wait; it must then be armed and parked, or withdrawn. Between waits
 * it has no place among the deadlines.
 */
static inline void crun__wait_begin(crun_task *task, const crun_wait_type *type, void *object)
{
    crun_wait *w = &task->wait;
    assert(task->status == CRUN_TASK_RUNNING && !w->type);
    w->type = type;
    w->object = object;
    if (type->queue_offset != CRUN__NO_QUEUE)
        crun__waitq_push(crun__wait_queue(w), w);
}

/*
 * The last step before parking: looks for a cancel, sets the deadline.
 * Returns: 0, and the task must park; or a code, and the wait has been withdrawn.
 */
int crun__wait_arm(crun_task *task, crun_time deadline);

/*
 * Takes back the wait of a task that will not park, or will never be resumed. Returns: result,
 * which also becomes the wait's.
 */
int crun__wait_withdraw(crun_task *task, int result);

/* What the wait is for, in words: "join of task#3". */
void crun__wait_describe(const crun_wait *wait, char *text, size_t size);

/* Whom a waiting task waits for, or NULL: the holder of a lock, who is joined. */
const crun_task *crun__wait_awaits(const crun_task *task);

/* Ends a wait with a result: the task becomes ready, or the wait's type is told. */
void crun__wake(crun_wait *wait, int result);

/* Ends a wait that did not get what it waited for. */
void crun__wait_abort(crun_wait *wait, int result);

/* Wakes all that stand in the queue now. */
void crun__wake_all(crun_waitq *q, int result);

/* arm, park by stack, and the result. */
int crun__wait_park(crun_task *task, crun_time deadline);

/* Lets every other ready task run once, cancelled or not. Returns: 0 or CRUN_ENOSTACK. */
int crun__give_way(crun_hub *hub);

/* Registers a wait that is no task's own: it is told through its type's `fire`. */
static inline void crun__watch_begin(crun_wait *w, const crun_wait_type *type, void *object)
{
    w->type = type;
    w->object = object;
    w->due = (crun__due){0, 0};
    crun__waitq_push(crun__wait_queue(w), w);
}

/* Takes a watch out again if it has not fired. */
static inline void crun__watch_end(crun_wait *w)
{
    if (w->type) {
        crun__wait_unlink(w);
        w->type = NULL;
    }
}

extern const crun_wait_type crun__join_type;
extern const crun_wait_type crun__sleep_type;

#endif
