/* SPDX-License-Identifier: MIT */
#include "../../runtime/clock.h"

#include <math.h>
#include <time.h>

#include "hub_support.h"

enum { SECOND = 1000000000 };

static crun_time machine_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (crun_time)t.tv_sec * SECOND + t.tv_nsec;
}

TEST(the_real_clock_is_the_machines)
{
    begin();
    crun_time before = machine_now(), now = crun_now(hub), after = machine_now();
    CHECK(before <= now && now <= after);
    finish();
}

TEST(a_jump_never_goes_back)
{
    crun__clock clock = {CRUN_CLOCK_VIRTUAL, 100};
    crun__clock_jump(&clock, 200);
    CHECK_EQ_INT(crun__clock_now(&clock), 200);
    crun__clock_jump(&clock, 150);
    CHECK_EQ_INT(crun__clock_now(&clock), 200);
}

TEST(the_virtual_clock_goes_on_from_the_real_time_and_stands)
{
    begin();
    crun_time before = machine_now();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    CHECK(before <= now && now <= machine_now());
    while (machine_now() < now + 1000) {
    }
    CHECK_EQ_INT(crun_now(hub), now);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    CHECK_EQ_INT(crun_now(hub), now);
    finish();
}

TEST(advance_moves_the_virtual_clock_only)
{
    begin();
    CHECK_EQ_INT(crun_hub_advance(hub, 1), CRUN_EPERM);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    CHECK_EQ_INT(crun_hub_advance(hub, 5), 0);
    CHECK_EQ_INT(crun_now(hub), now + 5);
    CHECK_EQ_INT(crun_hub_advance(hub, 0), 0);
    CHECK_EQ_INT(crun_hub_advance(hub, -1), CRUN_EINVAL);
    CHECK_EQ_INT(crun_now(hub), now + 5);
    finish();
}

TEST(advance_beyond_the_clocks_range_is_refused)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    CHECK_EQ_INT(crun_hub_advance(hub, INT64_MAX), CRUN_EINVAL);
    CHECK_EQ_INT(crun_hub_advance(hub, INT64_MAX - now), CRUN_EINVAL);
    CHECK_EQ_INT(crun_now(hub), now);
    CHECK_EQ_INT(crun_hub_advance(hub, INT64_MAX - now - 1), 0);
    CHECK_EQ_INT(crun_now(hub), INT64_MAX - 1);
    finish();
}

TEST(a_deadline_lies_the_seconds_ahead)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    CHECK_EQ_INT(crun_deadline(hub, 1.5), now + SECOND / 2 * 3);
    CHECK_EQ_INT(crun_deadline(hub, 1e-9), now + 1);
    CHECK_EQ_INT(crun_deadline(hub, 1e-12), now + 1);
    CHECK_EQ_INT(crun_deadline(hub, 0), CRUN_NOWAIT);
    CHECK_EQ_INT(crun_deadline(hub, -0.0), CRUN_NOWAIT);
    CHECK_EQ_INT(crun_deadline(hub, -3), CRUN_NOWAIT);
    CHECK_EQ_INT(crun_deadline(hub, -INFINITY), CRUN_NOWAIT);
    finish();
}

TEST(a_deadline_beyond_the_clocks_range_is_none)
{
    begin();
    CHECK_EQ_INT(crun_deadline(hub, INFINITY), CRUN_FOREVER);
    CHECK_EQ_INT(crun_deadline(hub, 1e300), CRUN_FOREVER);
    CHECK_EQ_INT(crun_deadline(hub, 9223372036.9), CRUN_FOREVER);
    crun_time century = crun_deadline(hub, 3.2e9);
    CHECK(century > crun_now(hub) && century < CRUN_FOREVER);
    finish();
}

TEST(the_virtual_clock_jumps_to_the_next_deadline)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time start = crun_now(hub), real = machine_now();
    CHECK_EQ_INT(crun_sleep_until(hub, start + (crun_time)3600 * SECOND), 0);
    CHECK_EQ_INT(crun_now(hub), start + (crun_time)3600 * SECOND);
    CHECK(machine_now() < real + (crun_time)60 * SECOND);
    finish();
}

static int sleep_for_an_hour(void *woken)
{
    int rc = crun_sleep_until(hub, crun_deadline(hub, 3600));
    *(bool *)woken = true;
    return rc;
}

TEST(advance_fires_what_has_become_due)
{
    bool woken = false;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    spawn(sleep_for_an_hour, &woken);
    crun_yield(hub);
    CHECK_EQ_INT(crun_hub_advance(hub, (crun_time)3599 * SECOND), 0);
    turn();
    CHECK(!woken);
    CHECK_EQ_INT(crun_hub_advance(hub, SECOND), 0);
    turn();
    CHECK(woken);
    finish();
}

TEST(back_on_the_real_clock_timers_count_by_it)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time at = crun_now(hub) + SECOND / 100;
    crun_hub_set_clock(hub, CRUN_CLOCK_REAL);
    CHECK_EQ_INT(crun_sleep_until(hub, at), 0);
    CHECK(machine_now() >= at);
    finish();
}

TEST(a_deadline_long_past_is_no_deadline_to_wait_for)
{
    begin();
    CHECK_EQ_INT(crun_sleep_until(hub, INT64_MIN), 0);
    CHECK_EQ_INT(crun_sleep_until(hub, -1), 0);
    CHECK_EQ_INT(crun_sleep_until(hub, 1), 0);
    finish();
}

TEST_MAIN
