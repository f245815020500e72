/*
 * SPDX-License-Identifier: MIT
 *
 * Time: nanoseconds on a hub's clock. The clock is monotonic and its origin means nothing; it is
 * the machine's clock, or a virtual one that jumps to the next timer when every task waits. Every
 * blocking function takes one absolute deadline, last.
 */
#ifndef CRUN_TIME_H
#define CRUN_TIME_H

#include <stdint.h>

#include <crun/export.h>

typedef int64_t crun_time;

typedef struct crun_hub crun_hub;

#define CRUN_NOWAIT ((crun_time)0)          /* fail with CRUN_ETIMEDOUT instead of waiting */
#define CRUN_FOREVER ((crun_time)INT64_MAX) /* no deadline */

enum crun_clock { CRUN_CLOCK_REAL, CRUN_CLOCK_VIRTUAL };

/* The hub's time now. Switches: never. Thread: the hub's. */
CRUN_API crun_time crun_now(crun_hub *hub);

/*
 * The deadline that lies `seconds` from now: CRUN_NOWAIT for zero and less, CRUN_FOREVER for what
 * lies beyond the clock's range (infinity included). NaN is the caller's error. Switches: never.
 * Thread: the hub's.
 */
CRUN_API crun_time crun_deadline(crun_hub *hub, double seconds);

/*
 * Chooses the clock. The virtual one goes on from the time at which it is set; going back to the
 * real one makes timers that were set meanwhile due by the real clock. Switches: never. Thread: the
 * hub's.
 */
CRUN_API void crun_hub_set_clock(crun_hub *hub, enum crun_clock clock);

/*
 * Moves the virtual clock on. Returns: 0; CRUN_EPERM with the real clock; CRUN_EINVAL for ns < 0
 * and for what lies beyond the clock's range.
 */
CRUN_API int crun_hub_advance(crun_hub *hub, crun_time ns);

#endif
