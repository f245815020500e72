/*
 * SPDX-License-Identifier: MIT
 *
 * Select from inside: what it consists of, and what a kind of case has to know.
 *
 * A select looks at its cases first. If none is ready it registers the task's own wait, and for
 * each case a watch, which stands in the line of the case's object. Whoever wakes a watch has given
 * it what it stood there for, as with every wait; so the case is chosen by that, the other watches
 * are taken out, and the task wakes. Whatever else ends the task's wait takes all watches out.
 */
#ifndef CRUN__SELECT_H
#define CRUN__SELECT_H

#include <crun/select.h>

#include "task.h"

typedef struct crun__select crun__select;
typedef struct crun__case crun__case;

typedef struct crun__case_type {
    crun_wait_type wait; /* of the watch. Its `fire` is crun__case_fire */
    /* Whether taking it would succeed, or fail for good: 1 or 0; or a code that forbids to wait. */
    int (*ready)(const crun__case *c);
    /* Does what is ready. Returns the case's result. NULL: the face does it. */
    int (*take)(crun__case *c);
    /* NULL, or before the watch enters the line. Returns: 0 or a code. */
    int (*enter)(crun__case *c);
    /* NULL, or after it has been taken out unchosen. */
    void (*leave)(crun__case *c);
} crun__case_type;

struct crun__case {
    crun_wait watch; /* first. Its type is NULL while it is in no line */
    const crun__case_type *type;
    crun__select *select;
    void *object;
    union {
        crun_value value; /* to be sent, or received */
        crun_time at;     /* of a timer */
    };
    int result;
};

struct crun__select {
    crun_task *task; /* that waits; NULL: it does not, or no more */
    crun__case *cases;
    size_t count;
    size_t chosen;
    crun_time deadline; /* of the select */
    crun_time due;      /* of the earliest timer among its cases */
};

/* The task that stands behind a wait in a line where selects may stand, too. */
static inline crun_task *crun__wait_owner(crun_wait *wait)
{
    return wait->type->fire ? ((crun__case *)wait)->select->task : crun__task_of_wait(wait);
}

/* Sets up a select in caller's memory, where there is room for its cases, which are to be set. */
static inline void crun__select_init(crun__select *s, crun__case *cases, size_t count,
                                     crun_time deadline)
{
    *s = (crun__select){.cases = cases, .count = count, .deadline = deadline, .due = CRUN_FOREVER};
}

/* Sets one up. Its value is the caller's to set. */
static inline void crun__case_set(crun__case *c, crun__select *s, const crun__case_type *type,
                                  void *object)
{
    c->watch.type = NULL;
    c->type = type;
    c->select = s;
    c->object = object;
    c->result = 0;
}

void crun__case_set_timer(crun__case *c, crun__select *s, crun_time at);

/*
 * Draws `chosen` among the cases that are ready. Returns: 1; 0 when none is; or a code, and
 * `chosen` is the case that forbids to wait.
 */
int crun__select_pick(crun__select *s);

/*
 * Registers the task's wait and the watches; then it must park until crun__select_until, or
 * withdraw. Returns: 0; or a code, nothing is registered, and `chosen` is the case that failed.
 */
int crun__select_begin(crun__select *s, crun_task *self);

static inline crun_time crun__select_until(const crun__select *s)
{
    return s->due < s->deadline ? s->due : s->deadline;
}

/* After the wait, with its result. Returns: 0, and there is a chosen case; or a code. */
int crun__select_end(crun__select *s, int result);

/* Takes the watches out, as the end of the wait does. */
void crun__select_leave(crun__select *s);

/* What the task waits for if it waits for nothing but that one lock; or NULL. */
const crun_hold *crun__select_hold(const crun__select *s);

/* For types: the `fire` of every watch. */
void crun__case_fire(crun_wait *wait, int result);

extern const crun_wait_type crun__select_type;

/* The kinds that need no face: see select_cases.c, stream_read.c, process.c, port_wait.c. */
extern const crun__case_type crun__case_lock;
extern const crun__case_type crun__case_sem;
extern const crun__case_type crun__case_event;
extern const crun__case_type crun__case_task;
extern const crun__case_type crun__case_future;
extern const crun__case_type crun__case_read;
extern const crun__case_type crun__case_port;
extern const crun__case_type crun__case_process;
extern const crun__case_type crun__case_timer;
extern const crun__case_type crun__case_never;

/* What kinds of cases on channels share. */
int crun__case_recv_ready(const crun__case *c);
int crun__case_send_ready(const crun__case *c);

#endif
