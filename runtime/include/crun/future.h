/*
 * SPDX-License-Identifier: MIT
 *
 * Futures: results that come once, from whoever has them, to any number of waiting tasks.
 *
 * Laws:
 * - It is set once: to a value, to an error, or cancelled. A second time fails and changes nothing.
 * - Whoever waits, and whoever asks later, sees the same. Waiting tasks go on in the order in which
 *   they came.
 *
 * A future lives in caller's memory, and must stay there while anybody waits for it. Thread, for
 * everything here: the hub's.
 */
#ifndef CRUN_FUTURE_H
#define CRUN_FUTURE_H

#include <stdbool.h>

#include <crun/sync.h>
#include <crun/task.h>
#include <crun/value.h>

typedef struct crun_future {
    crun_waitq joiners;
    crun_task_status status; /* CRUN_TASK_WAITING, then RETURNED, FAILED or CANCELLED */
    int code;                /* of one that failed */
    crun_value value;        /* of one that has returned */
} crun_future;

CRUN_API void crun_future_init(crun_future *future);

/* Gives up the value that it owns. Nobody may be waiting. */
CRUN_API void crun_future_fini(crun_future *future);

/*
 * Sets it to a value, which it then owns (NULL: nil); to a negative code; or cancels it. Switches:
 * never. Return: 0, or CRUN_EALREADY when it has been set before; the value is then the caller's
 * still.
 */
CRUN_API int crun_future_set(crun_future *future, const crun_value *value);
CRUN_API int crun_future_fail(crun_future *future, int code);
CRUN_API int crun_future_cancel(crun_future *future);

CRUN_API bool crun_future_done(const crun_future *future);

/*
 * Waits until it is set, to whatever. Switches: may.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED (the caller was cancelled).
 */
CRUN_API int crun_future_wait(crun_future *future, crun_time deadline);

/*
 * What it was set to. Switches: never. Returns: 0 and the value, which stays the future's; the code
 * that it failed with; CRUN_ECANCELED; CRUN_EAGAIN while it is not set. out may be NULL.
 */
CRUN_API int crun_future_result(const crun_future *future, const crun_value **out);

#endif
