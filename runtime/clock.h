/*
 * SPDX-License-Identifier: MIT
 *
 * The clock policy: the machine's monotonic clock, or one that moves only when it is told to.
 */
#ifndef CRUN__CLOCK_H
#define CRUN__CLOCK_H

#include <crun/time.h>

typedef struct crun__clock {
    enum crun_clock kind;
    crun_time virtual_now;
} crun__clock;

/* CLOCK_MONOTONIC in nanoseconds. */
crun_time crun__clock_monotonic(void);

static inline crun_time crun__clock_now(const crun__clock *clock)
{
    return clock->kind == CRUN_CLOCK_REAL ? crun__clock_monotonic() : clock->virtual_now;
}

/* Moves a virtual clock forward to `at`; never back. */
static inline void crun__clock_jump(crun__clock *clock, crun_time at)
{
    if (at > clock->virtual_now)
        clock->virtual_now = at;
}

#endif
