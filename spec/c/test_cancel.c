/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

static int note_a(void *arg)
{
    (void)arg;
    note('a');
    return 0;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, CRUN_FOREVER);
}

static void check_end(crun_task *task, crun_task_status status, int result)
{
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_task_get_status(task), status);
    CHECK_EQ_INT(crun_task_result(task), result);
    crun_task_release(task);
}

TEST(a_new_task_that_is_cancelled_never_starts)
{
    begin();
    crun_task *task = start(note_a, NULL);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_CANCELLED);
    CHECK_EQ_INT(crun_task_cancel(task), CRUN_EALREADY);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "");
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    finish();
}

TEST(a_waiting_task_is_woken_by_its_cancel)
{
    begin();
    crun_task *task = start(sleep_for_ever, NULL);
    crun_yield(hub);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_READY);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    finish();
}

static int yield_once(void *arg)
{
    (void)arg;
    return crun_yield(hub);
}

TEST(a_ready_task_hears_of_it_in_its_yield)
{
    begin();
    crun_task *task = start(yield_once, NULL);
    crun_yield(hub);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_READY);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    finish();
}

static int cancel_myself(void *arg)
{
    (void)arg;
    CHECK_EQ_INT(crun_task_cancel(crun_task_current()), 0);
    note('a');
    return crun_yield(hub);
}

TEST(a_running_task_goes_on_to_its_next_wait)
{
    begin();
    crun_task *task = start(cancel_myself, NULL);
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    CHECK_STR(trace, "a");
    finish();
}

static int ignore_it(void *arg)
{
    crun_value v;
    crun_chan *chan = arg;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_ECANCELED);
        CHECK_EQ_INT(crun_sleep_until(hub, CRUN_NOWAIT), CRUN_ECANCELED);
        CHECK_EQ_INT(crun_yield(hub), CRUN_ECANCELED);
        CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), CRUN_ECANCELED);
        CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_NOWAIT), CRUN_ECANCELED);
    }
    return 5;
}

TEST(every_wait_of_a_cancelled_task_fails)
{
    crun_chan *chan = NULL;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    crun_task *task = start(ignore_it, chan);
    crun_yield(hub);
    crun_task_cancel(task);
    check_end(task, CRUN_TASK_RETURNED, 5);
    crun_chan_release(chan);
    finish();
}

static int do_what_needs_no_wait(void *arg)
{
    crun_value v = {.type = CRUN_INTEGER, .as.integer = 1};
    crun_chan *chan = arg;
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_ECANCELED);
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), 0);
    return CRUN_ECANCELED;
}

TEST(what_need_not_wait_still_succeeds)
{
    crun_chan *chan = NULL;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    crun_task *task = start(do_what_needs_no_wait, chan);
    crun_yield(hub);
    crun_task_cancel(task);
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    crun_chan_release(chan);
    finish();
}

static int receive(void *arg)
{
    crun_value v;
    int rc = crun_chan_recv(arg, &v, CRUN_FOREVER);
    return rc < 0 ? rc : (int)v.as.integer;
}

TEST(a_result_that_has_arrived_wins_over_a_later_cancel)
{
    crun_value v = {.type = CRUN_INTEGER, .as.integer = 9};
    crun_chan *chan = NULL;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    crun_task *task = start(receive, chan);
    crun_yield(hub);
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    check_end(task, CRUN_TASK_RETURNED, 9);
    crun_chan_release(chan);
    finish();
}

static int join_it(void *task)
{
    return crun_task_join(task, CRUN_FOREVER);
}

TEST(a_cancel_goes_to_the_joiner_and_not_to_what_it_joins)
{
    begin();
    crun_task *task = start(sleep_for_ever, NULL), *joiner = start(join_it, task);
    crun_yield(hub);
    crun_task_cancel(joiner);
    check_end(joiner, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    crun_task_cancel(task);
    check_end(task, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    finish();
}

TEST(a_joiner_of_a_new_task_hears_of_its_cancel)
{
    begin();
    crun_task *joiner, *task;
    task = start(note_a, NULL);
    crun_task *first = start(join_it, NULL);
    crun_task_cancel(first);
    crun_task_release(first);
    joiner = start(join_it, task);
    crun_hub_set_schedule(hub, 1);
    crun_task_cancel(task);
    check_end(joiner, CRUN_TASK_RETURNED, 0);
    CHECK_STR(trace, "");
    crun_task_release(task);
    finish();
}

/* Two tasks that cancel each other as their clean-up. */
static int cancel_the_other(void *arg)
{
    crun_task **other = arg;
    int rc = crun_sleep_until(hub, CRUN_FOREVER);
    crun_task_cancel(*other);
    return rc;
}

TEST(tasks_may_cancel_each_other)
{
    crun_task *a, *b;
    begin();
    a = start(cancel_the_other, &b);
    b = start(cancel_the_other, &a);
    crun_yield(hub);
    crun_task_cancel(a);
    CHECK_EQ_INT(crun_task_join(b, CRUN_FOREVER), 0);
    check_end(a, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    check_end(b, CRUN_TASK_CANCELLED, CRUN_ECANCELED);
    finish();
}

static int cancel_main(void *main)
{
    CHECK_EQ_INT(crun_task_cancel(main), 0);
    return sleep_for_ever(NULL);
}

/* It cannot wait any more from then on; freeing the hub still works. */
TEST(the_main_task_can_be_cancelled)
{
    begin();
    spawn(cancel_main, crun_task_current());
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_ECANCELED);
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_ECANCELED);
    CHECK_EQ_INT(stats().tasks, 1);
    crun_hub_free(hub);
}

TEST_MAIN
