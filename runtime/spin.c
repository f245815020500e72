/* SPDX-License-Identifier: MIT */
#include "spin.h"

#include <poll.h>
#include <sched.h>

#include "loop.h"

enum {
    SHORT = 100000, /* nanoseconds: a sleep that took no longer may have been mostly waking up */
    TAKEN = 4000,   /* nanoseconds: a look that took longer let somebody else work meanwhile */
    FIRST_PAUSE = 8,
    MOST_FAILURES = 16
};

/*
 * Twice as long as the last sleep took, since the other hub may have to be woken, too. Whoever else
 * wants the processor gets it; and where there is such, it does not halt, and waking is cheap.
 */
bool crun__spin_look(crun__loop *loop, crun_time ns)
{
    struct pollfd backend = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
    crun_time most = 2 * (crun_time)loop->spin.slept;
    crun_time before, now = crun__clock_monotonic(), end = now + (ns < most ? ns : most);
    do {
        if (crun__loop_woken(loop) || poll(&backend, 1, 0) > 0) {
            loop->spin.failures = 0;
            return true;
        }
        sched_yield();
        before = now;
        now = crun__clock_monotonic();
        if (now - before > TAKEN)
            return false;
    } while (now < end);
    crun__spin_missed(&loop->spin);
    return false;
}

void crun__spin_missed(crun__spin *spin)
{
    spin->pays = false;
    spin->pause = (uint32_t)FIRST_PAUSE << spin->failures;
    if (spin->failures < MOST_FAILURES)
        spin->failures++;
}

void crun__spin_slept(crun__spin *spin, crun_time ns)
{
    bool was_short = spin->heard && ns < SHORT;
    spin->pays = was_short && spin->pause == 0;
    if (!was_short)
        return;
    spin->slept = (uint32_t)ns;
    if (spin->pause > 0)
        spin->pause--;
}
