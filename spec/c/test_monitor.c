/* SPDX-License-Identifier: MIT */
#include "../../runtime/monitor.h"

#include <signal.h>
#include <stdlib.h>

#include "../../runtime/hub.h"
#include "hub_support.h"

enum { LIMIT = 4000000 };

static volatile sig_atomic_t overruns;
static const crun_task *volatile culprit;
static volatile crun_time longest;

static void on_overrun(crun_hub *of, crun_time held)
{
    overruns = overruns + 1;
    culprit = of->current;
    longest = held;
}

/* What a checker that holds signals back until a call of the library's needs. */
static void work(void)
{
    void *volatile block = malloc(16);
    free(block);
}

static crun_time clock_now(void)
{
    return crun__clock_monotonic();
}

TEST(who_does_not_give_way_is_told_of)
{
    begin();
    overruns = 0;
    CHECK_EQ_INT(crun__monitor_start(hub, LIMIT, on_overrun), 0);
    while (overruns < 2)
        work();
    CHECK(culprit == hub->main);
    CHECK(longest > 0);
    finish();
}

static int hog(void *arg)
{
    (void)arg;
    while (overruns == 0)
        work();
    return 0;
}

TEST(a_task_of_c_is_found_as_well)
{
    crun_task *task;
    begin();
    overruns = 0;
    CHECK_EQ_INT(crun__monitor_start(hub, LIMIT, on_overrun), 0);
    CHECK_EQ_INT(crun_spawn(hub, hog, NULL, NULL, &task), 0);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    CHECK(culprit == task);
    crun_task_release(task);
    finish();
}

TEST(who_takes_turns_or_waits_is_left_alone)
{
    begin();
    overruns = 0;
    CHECK_EQ_INT(crun__monitor_start(hub, 1000000000, on_overrun), 0);
    crun_time until = clock_now() + 20000000;
    while (clock_now() < until)
        crun_yield(hub);
    CHECK_EQ_INT(crun_sleep_until(hub, crun_deadline(hub, 0.02)), 0);
    CHECK_EQ_INT(overruns, 0);
    finish();
}

TEST(the_limit_can_be_set_anew_and_the_monitor_stopped_twice)
{
    begin();
    overruns = 0;
    CHECK_EQ_INT(crun__monitor_start(hub, 1000000000000, on_overrun), 0);
    CHECK_EQ_INT(crun__monitor_start(hub, LIMIT, on_overrun), 0);
    while (overruns == 0)
        work();
    crun__monitor_stop(hub);
    crun__monitor_stop(hub);
    overruns = 0;
    crun_time until = clock_now() + 10 * LIMIT;
    while (clock_now() < until)
        work();
    CHECK_EQ_INT(overruns, 0);
    finish();
}

static volatile sig_atomic_t urgent;

static void on_urgent(int signo)
{
    (void)signo;
    urgent = urgent + 1;
}

TEST(a_handler_that_was_there_is_called_and_put_back)
{
    struct sigaction mine = {.sa_handler = on_urgent}, now;
    begin();
    overruns = 0;
    urgent = 0;
    sigemptyset(&mine.sa_mask);
    sigaction(SIGURG, &mine, NULL);
    CHECK_EQ_INT(crun__monitor_start(hub, LIMIT, on_overrun), 0);
    while (overruns == 0 || urgent == 0)
        work();
    crun__monitor_stop(hub);
    sigaction(SIGURG, NULL, &now);
    CHECK(now.sa_handler == on_urgent);
    (void)signal(SIGURG, SIG_DFL);
    finish();
}

TEST_MAIN
