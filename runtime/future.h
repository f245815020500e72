/*
 * SPDX-License-Identifier: MIT
 *
 * Futures as the bindings see them.
 */
#ifndef CRUN__FUTURE_H
#define CRUN__FUTURE_H

#include <crun/future.h>

#include "task.h"

extern const crun_wait_type crun__future_type;

static inline bool crun__future_pending(const crun_future *future)
{
    return future->status == CRUN_TASK_WAITING;
}

/* Marks the end of a pending future: joiners wake. */
static inline void crun__future_end(crun_future *future, crun_task_status status)
{
    future->status = status;
    crun__wake_all(&future->joiners, 0);
}

/* Returns: 1: it is set; 0: the wait is registered, and self must arm it and park, or withdraw. */
static inline int crun__future_begin(crun_future *future, crun_task *self)
{
    if (!crun__future_pending(future))
        return 1;
    crun__wait_begin(self, &crun__future_type, future);
    return 0;
}

#endif
