/*
 * SPDX-License-Identifier: MIT
 *
 * Runners: C coroutines, each with a C stack of its own, that run tasks. A runner takes the next
 * ready task and steps it. A task that parks by stack keeps its runner until it is resumed; when it
 * ends or parks by yield its runner goes on with the next task.
 *
 * The thread's own stack belongs to the root runner, which only ever runs the main task.
 */
#ifndef CRUN__RUNNER_H
#define CRUN__RUNNER_H

#include <stdbool.h>

#include <crun/hub.h>
#include <crun/task.h>

#include "list.h"
#include "stack.h"
#include "switch.h"

typedef struct crun__runner {
    crun__context context;
    crun__link link; /* among the idle ones */
    crun_hub *hub;
    crun_task *task; /* what it runs or is parked for */
    void *cell;      /* of the C operation it is parked in: where its value lies */
    void *host;      /* of the host language's: the lua_State it was called from */
    void *inner;     /* its innermost that runs, where the host keeps track; NULL: the task's own */
    crun__stack stack;
    bool used; /* since its stack was last trimmed */
} crun__runner;

typedef struct crun__runners {
    crun__runner root;
    crun__link idle; /* the most recently used first: its stack is warm */
    size_t idle_count;
    size_t busy; /* not idle, the root runner not counted */
    size_t stack_size;
    crun_time trim_due;
} crun__runners;

void crun__runners_init(crun_hub *hub, size_t stack_size);
void crun__runners_fini(crun_hub *hub);

/* Maps one more, idle. Returns: 0, or CRUN_ENOSTACK when no further stack can be mapped. */
int crun__runners_add(crun_hub *hub);

/* Gives an idle runner to a task that has none. */
void crun__runners_assign(crun_hub *hub, crun_task *task);

/* Puts the running one among the idle ones; the caller switches away next. */
void crun__runners_put(crun_hub *hub, crun__runner *r);

/* Unmaps one that is parked, and will never be resumed. */
void crun__runners_drop(crun_hub *hub, crun__runner *r);

/* Gives the memory of stacks that have been idle for a while back to the system. */
void crun__runners_trim(crun_hub *hub, crun_time now);

#endif
