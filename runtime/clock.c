/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <math.h>
#include <time.h>

#include "hub.h"

#define NS_PER_S 1e9

crun_time crun__clock_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (crun_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

crun_time crun_now(crun_hub *hub)
{
    return crun__clock_now(&hub->clock);
}

crun_time crun_deadline(crun_hub *hub, double seconds)
{
    if (!(seconds > 0))
        return CRUN_NOWAIT;
    crun_time now = crun_now(hub);
    double ns = ceil(seconds * NS_PER_S);
    /* INT64_MAX is no double; the next lower one is 1024 less. */
    if (ns >= (double)(INT64_MAX - 1024) - (double)now)
        return CRUN_FOREVER;
    return now + (crun_time)ns;
}

void crun_hub_set_clock(crun_hub *hub, enum crun_clock kind)
{
    if (kind == CRUN_CLOCK_VIRTUAL && hub->clock.kind == CRUN_CLOCK_REAL)
        hub->clock.virtual_now = crun__clock_monotonic();
    hub->clock.kind = kind;
    crun__hub_reset_tick(hub);
}

int crun_hub_advance(crun_hub *hub, crun_time ns)
{
    if (hub->clock.kind != CRUN_CLOCK_VIRTUAL)
        return CRUN_EPERM;
    if (ns < 0 || ns >= CRUN_FOREVER - hub->clock.virtual_now)
        return CRUN_EINVAL;
    crun__clock_jump(&hub->clock, hub->clock.virtual_now + ns);
    return 0;
}
