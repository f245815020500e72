/* SPDX-License-Identifier: MIT */
/* The hub's wait for time, at its worst moment: just before libuv's millisecond changes. */
#include <time.h>
#include <unistd.h>

#include <crun/crun.h>

#include "test.h"

enum { MILLISECOND = 1000000, ATTEMPTS = 400, STEP = 10 };

static long nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_nsec;
}

static void wait_until_before_boundary(long left)
{
    while (nanoseconds() % MILLISECOND < MILLISECOND - left) {
    }
}

/*
 * Between arming its timer and running it libuv looks at the clock twice. The attempts move the
 * boundary over all of that: a wait that loses its timer there ends the test by the alarm.
 */
TEST(a_sleep_ends_wherever_the_millisecond_changes)
{
    crun_hub *hub;
    REQUIRE(crun_hub_new(&hub, NULL) == 0);
    alarm(30);
    for (int i = 0; i < ATTEMPTS; i++) {
        wait_until_before_boundary((long)(i + STEP) * STEP);
        CHECK_EQ_INT(crun_sleep_until(hub, crun_now(hub) + MILLISECOND / 10), 0);
    }
    alarm(0);
    crun_hub_free(hub);
}

TEST_MAIN
