/*
 * SPDX-License-Identifier: MIT
 *
 * The watchdog and preemption, as the program and the Task object set them.
 *
 * Laws:
 * - Both are off until somebody turns them on; then nothing is done for them while no task runs
 *   longer than the limit without giving way.
 * - The watchdog tells once of each such run, where the task's Lua code next can be stopped: for a
 *   C function that is its end.
 * - A task is never interrupted inside of a C function, a debug hook, a finalizer or a function of
 *   crun's own, nor where no C stack is left.
 */
#ifndef CRUN__LMONITOR_H
#define CRUN__LMONITOR_H

#include "bind.h"

/* Limits in nanoseconds; 0 turns it off. Return: 0, or CRUN_ENOMEM with nothing changed. */
int crun__monitor_watch(crun_time limit);
int crun__monitor_preempt(crun_time slice);

/* Those of this thread's hub, for another one to be like it. */
typedef struct crun__monitor_limits {
    crun_time watch, slice;
} crun__monitor_limits;

crun__monitor_limits crun__monitor_get(void);
int crun__monitor_set(crun__monitor_limits limits);

/* Whether the watchdog is on. */
bool crun__monitor_watches(void);

/* Some task asks to be interrupted whatever holds for all. Raises where no thread can be had. */
void crun__monitor_ask(lua_State *L);

/* Whether the function that runs in L is one of crun's own, which count on not being stopped. */
bool crun__monitor_spares(lua_State *L);

/* The state is detached from its hub: nothing is on any more. */
void crun__monitor_forget(void);

#endif
