/*
 * SPDX-License-Identifier: MIT
 *
 * Draining as listeners and streams see it: see crun_hub_drain.
 */
#ifndef CRUN__DRAIN_H
#define CRUN__DRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <crun/stream.h>
#include <crun/sync.h>

/* Part of a hub's loop. */
typedef struct crun__drain {
    bool begun;        /* nothing is accepted any more */
    size_t open;       /* connections that were accepted and have not been closed */
    crun_waitq idlers; /* who waits for the last of them */
} crun__drain;

/* A connection has been accepted; one of those has been closed. */
static inline void crun__drain_more(crun__drain *drain)
{
    drain->open++;
}

void crun__drain_less(crun__drain *drain);

/* Returns: 1 no accepted connection is open; 0 the task's wait is registered. */
int crun__drain_begin(crun_hub *hub, crun_task *task);

#endif
