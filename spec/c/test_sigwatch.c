/* SPDX-License-Identifier: MIT */
#include "../../runtime/sigwatch.h"

#include "../../runtime/task.h"
#include "net_support.h"

static crun__sigwatch *watch;

static void open_watch(void)
{
    static const int numbers[] = {SIGHUP, SIGUSR1};
    REQUIRE(crun__sigwatch_open(hub, numbers, 2, &watch) == 0);
}

static int get(crun_time deadline)
{
    for (;;) {
        int rc = crun__sigwatch_begin(watch, crun_task_current());
        if (rc != 0)
            return rc;
        rc = crun__wait_park(crun_task_current(), deadline);
        if (rc < 0)
            return rc;
    }
}

static int get_once(void *arg)
{
    *(int *)arg = get(CRUN_FOREVER);
    return 0;
}

TEST(signals_come_before_and_during_the_wait)
{
    begin();
    open_watch();
    CHECK_EQ_INT(get(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    (void)raise(SIGUSR1);
    (void)raise(SIGUSR1);
    CHECK_EQ_INT(get(in_ms(5000)), SIGUSR1);
    CHECK_EQ_INT(get(in_ms(5)), CRUN_ETIMEDOUT);
    int number = 0;
    crun_task *waiter = launch(get_once, &number);
    (void)raise(SIGHUP);
    end(waiter);
    CHECK_EQ_INT(number, SIGHUP);
    crun__sigwatch_close(watch);
    finish();
}

TEST(each_goes_to_one_waiter)
{
    begin();
    open_watch();
    int numbers[2] = {0, 0};
    crun_task *first = launch(get_once, &numbers[0]), *second = launch(get_once, &numbers[1]);
    (void)raise(SIGUSR1);
    end(first);
    CHECK_EQ_INT(numbers[0], SIGUSR1);
    CHECK_EQ_INT(numbers[1], 0);
    crun_task_cancel(second);
    end(second);
    CHECK_EQ_INT(numbers[1], CRUN_ECANCELED);
    crun__sigwatch_close(watch);
    finish();
}

TEST(closing_wakes_and_gives_the_signal_back)
{
    begin();
    open_watch();
    int number = 0;
    crun_task *waiter = launch(get_once, &number);
    crun__sigwatch_close(watch);
    end(waiter);
    CHECK_EQ_INT(number, CRUN_ECLOSED);
    turn();
    struct sigaction now;
    sigaction(SIGHUP, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
    finish();
}

TEST(what_cannot_be_watched_is_refused)
{
    begin();
    static const int numbers[][2] = {{SIGHUP, 0}, {SIGHUP, 65}, {SIGHUP, SIGKILL}, {-1, SIGHUP}};
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(crun__sigwatch_open(hub, numbers[i], 2, &watch), CRUN_EINVAL);
    turn();
    finish();
}

TEST(the_hub_may_end_first)
{
    begin();
    open_watch();
    crun_hub_free(hub);
    crun__sigwatch_close(watch);
}

TEST_MAIN
