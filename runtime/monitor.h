/*
 * SPDX-License-Identifier: MIT
 *
 * A thread that notices when a task holds the hub for too long.
 *
 * The hub does nothing for it. The thread looks, a few times per limit, which task runs and how
 * often the hub has looked for I/O; only where both stay the same does it send a signal to the
 * hub's thread. The handler there counts exactly, by what the hub keeps anyway: a task that has
 * given way since the last look is in order. A hub that waits, or whose tasks take turns, never
 * sees a signal.
 */
#ifndef CRUN__MONITOR_H
#define CRUN__MONITOR_H

#include <crun/hub.h>

typedef struct crun__monitor crun__monitor;

/*
 * Called in the signal handler, on the hub's thread: the running task has been running for at
 * least `held` nanoseconds, and again and again while it goes on.
 */
typedef void crun__overrun(crun_hub *hub, crun_time held);

/*
 * From now on tasks may run for `limit` nanoseconds (> 0) without giving way. Called again, sets
 * the limit anew. Thread: the hub's. Returns: 0, or CRUN_ENOMEM where no thread can be had.
 */
int crun__monitor_start(crun_hub *hub, crun_time limit, crun__overrun *overrun);

/* Ends the thread; does nothing where there is none. Thread: the hub's. */
void crun__monitor_stop(crun_hub *hub);

/* What a nudge calls, in the signal handler: looks closely. */
void crun__monitor_look(crun__monitor *monitor);

#endif
