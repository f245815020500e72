/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_HUB_SUPPORT_H
#define CRUN_SPEC_HUB_SUPPORT_H

/*
 * For tests that need a hub: each has its own, and the test's code is the main task. finish()
 * sees to it that nothing is left: no task, no timer, no handle, no stack in use.
 */

#include <crun/crun.h>

#include "test.h"

static crun_hub *hub;

/* What tasks note down, in the order in which they do. */
static char trace[256];

static inline void begin_with(const crun_hub_options *options)
{
    hub = NULL;
    trace[0] = '\0';
    if (crun_hub_new(&hub, options) != 0) {
        abort();
    }
}

static inline void begin(void)
{
    begin_with(NULL);
}

static inline crun_hub_stats stats(void)
{
    crun_hub_stats s = {.size = sizeof s};
    crun_hub_stats_get(hub, &s);
    return s;
}

static inline void check_clean(void)
{
    crun_hub_stats s = stats();
    CHECK_EQ_INT(s.tasks, 0);
    CHECK_EQ_INT(s.daemons, 0);
    CHECK_EQ_INT(s.timers, 0);
    CHECK_EQ_INT(s.handles, 0);
    CHECK_EQ_INT(s.stacks, s.stacks_idle);
}

static inline void finish(void)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    check_clean();
    crun_hub_free(hub);
    CHECK_EQ_PTR(crun_hub_current(), NULL);
    hub = NULL;
}

static inline void note(char mark)
{
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace) {
        trace[length] = mark;
        trace[length + 1] = '\0';
    }
}

/* A task that nobody asks about. */
static inline void spawn(crun_task_fn *fn, void *arg)
{
    CHECK_EQ_INT(crun_spawn(hub, fn, arg, NULL, NULL), 0);
}

/* A task to look at; the caller releases it. */
static inline crun_task *start(crun_task_fn *fn, void *arg)
{
    crun_task *task = NULL;
    if (crun_spawn(hub, fn, arg, NULL, &task) != 0) {
        abort();
    }
    return task;
}

/* Long enough for the hub to have looked at its timers and its inbox, whatever its clock. */
static inline void turn(void)
{
    for (int i = 0; i < 300; i++) {
        CHECK_EQ_INT(crun_yield(hub), 0);
    }
}

static inline crun_time in_ms(int ms)
{
    return crun_deadline(hub, ms / 1000.0);
}

#endif
