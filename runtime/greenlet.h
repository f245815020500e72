/*
 * SPDX-License-Identifier: MIT
 *
 * Greenlets: several C stacks of one task, of which one is active.
 *
 * Laws:
 * - What runs is the task; its greenlets only say on which stack. Parking, cancel, scopes, locks
 *   know of tasks alone and reach whichever greenlet is active.
 * - A switch is no turn: no other task runs in between, and I/O and timers are not looked at.
 * - A task's root greenlet runs on whatever stack the task has. Every other one takes a runner's at
 *   its start and keeps it to its end, so suspended greenlets count as parked stacks.
 * - A task whose body is over first unwinds its suspended greenlets; that is up to the kind of task
 *   (its type's `unload`), since only the host language knows how to end one.
 * - Who switches has put what it hands over where the other looks for it; nothing is passed here.
 */
#ifndef CRUN__GREENLET_H
#define CRUN__GREENLET_H

#include "task.h"

typedef struct crun__greenlet crun__greenlet;
typedef struct crun__greenlets crun__greenlets;

enum crun__greenlet_state {
    CRUN__GREENLET_NEW,
    CRUN__GREENLET_SUSPENDED,
    CRUN__GREENLET_ACTIVE,
    CRUN__GREENLET_DEAD
};

struct crun__greenlet {
    crun__greenlets *of;
    crun__greenlet *parent; /* NULL: it is the root */
    crun__runner *runner;   /* that it is suspended on, or was started on */
    crun__link link;        /* from its start to its end, but not the root's */
    enum crun__greenlet_state state;
    /* The body: runs to its end on a stack of its own; returns which greenlet goes on, not dead. */
    crun__greenlet *(*run)(crun__greenlet *self);
};

/* The greenlets of one task. */
struct crun__greenlets {
    crun_task *task; /* NULL: it has ended */
    crun__greenlet *root;
    crun__greenlet *active;
    crun__link started; /* in the order of their starts */
};

/* Makes caller's memory the greenlets of the task, which is at its root. */
void crun__greenlets_init(crun__greenlets *of, crun__greenlet *root, crun_task *task);

/* The task is over; all its greenlets are. */
void crun__greenlets_fini(crun__greenlets *of);

/* Makes caller's memory a new greenlet. */
void crun__greenlet_init(crun__greenlet *g, crun__greenlet *parent,
                         crun__greenlet *(*run)(crun__greenlet *self));

static inline bool crun__greenlet_is_root(const crun__greenlet *g)
{
    return !g->parent;
}

/* Whether it is over, by itself or with its task. */
static inline bool crun__greenlet_dead(const crun__greenlet *g)
{
    return g->state == CRUN__GREENLET_DEAD || !g->of->task;
}

/* Itself, or the nearest of its parents that is not dead: the root never is. */
static inline crun__greenlet *crun__greenlet_alive(crun__greenlet *g)
{
    while (g->state == CRUN__GREENLET_DEAD)
        g = g->parent;
    return g;
}

/* Whether other is the greenlet or among its parents. */
bool crun__greenlet_descends(const crun__greenlet *g, const crun__greenlet *other);

/*
 * Gets what a switch to it needs. Returns: 0, or CRUN_ENOSTACK when it is new and no stack can be
 * had for it.
 */
int crun__greenlet_reserve(crun__greenlet *g);

/*
 * Suspends the active greenlet of the running task and goes on with another one of it, which is
 * suspended, or new with a stack reserved. Returns when something switches back.
 */
void crun__greenlet_switch(crun__greenlet *to);

/* Of those that are suspended the one that started last, the root not counted; or NULL. */
crun__greenlet *crun__greenlets_newest(const crun__greenlets *of);

/*
 * Drops all that are suspended, and the stacks with them: their frames never run again. Of a task
 * that is not running itself, because it never will, the active one as well.
 */
void crun__greenlets_drop(crun__greenlets *of);

/* The hub's part: the task in whose name a fresh stack is entered. */
typedef struct crun__greenlet_starter {
    crun_task task;
    crun__task_type type;
    crun__greenlet *entering;
    size_t started; /* greenlets of all tasks that have a stack */
} crun__greenlet_starter;

void crun__greenlet_starter_init(crun_hub *hub);

#endif
