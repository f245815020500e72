/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

/* --- bodies ------------------------------------------------------------------------------- */

static int note_mark(void *mark)
{
    note(*(const char *)mark);
    return 0;
}

static int note_twice(void *mark)
{
    note(*(const char *)mark);
    CHECK_EQ_INT(crun_yield(hub), 0);
    note(*(const char *)mark);
    return 0;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, CRUN_FOREVER);
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, in_ms(5));
}

static int return_number(void *number)
{
    return *(const int *)number;
}

typedef struct joiner {
    crun_task *task;
    crun_time deadline;
    int rc;
    char mark;
} joiner;

static int join_and_note(void *arg)
{
    joiner *j = arg;
    j->rc = crun_task_join(j->task, j->deadline);
    note(j->mark);
    return 0;
}

/* --- spawning ----------------------------------------------------------------------------- */

TEST(tasks_run_in_spawn_order_at_the_spawners_next_wait)
{
    begin();
    spawn(note_mark, "a");
    spawn(note_mark, "b");
    spawn(note_mark, "c");
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_yield(hub), 0);
    CHECK_STR(trace, "abc");
    finish();
}

TEST(yielding_tasks_take_turns)
{
    begin();
    spawn(note_twice, "a");
    spawn(note_twice, "b");
    spawn(note_twice, "c");
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "abcabc");
    finish();
}

static int spawn_two(void *arg)
{
    (void)arg;
    note('1');
    spawn(note_mark, "a");
    spawn(note_mark, "b");
    note('2');
    crun_yield(hub);
    note('3');
    return 0;
}

TEST(tasks_of_tasks_run_after_them)
{
    begin();
    spawn(spawn_two, NULL);
    spawn(note_mark, "x");
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "12xab3");
    finish();
}

TEST(a_task_gives_its_result)
{
    int numbers[] = {0, 42, -7, CRUN_ECANCELED};
    crun_task_status ends[] = {CRUN_TASK_RETURNED, CRUN_TASK_RETURNED, CRUN_TASK_FAILED,
                               CRUN_TASK_FAILED};
    begin();
    for (int i = 0; i < 4; i++) {
        crun_task *task = start(return_number, &numbers[i]);
        CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_NEW);
        CHECK_EQ_INT(crun_task_result(task), 0);
        CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
        CHECK_EQ_INT(crun_task_get_status(task), ends[i]);
        CHECK_EQ_INT(crun_task_result(task), numbers[i]);
        CHECK(crun_task_done(task));
        crun_task_release(task);
    }
    finish();
}

static int see_myself(void *arg)
{
    crun_task *self = crun_task_current();
    *(uint64_t *)arg = crun_task_id(self);
    CHECK_EQ_INT(crun_task_get_status(self), CRUN_TASK_RUNNING);
    CHECK(!crun_task_done(self));
    crun_yield(hub);
    CHECK_EQ_PTR(crun_task_current(), self);
    return 0;
}

TEST(the_current_task_is_the_one_that_runs)
{
    uint64_t ids[2] = {0, 0};
    CHECK_EQ_PTR(crun_task_current(), NULL);
    begin();
    crun_task *main = crun_task_current();
    CHECK_EQ_INT(crun_task_id(main), 1);
    CHECK_EQ_INT(crun_task_get_status(main), CRUN_TASK_RUNNING);
    crun_task *task = start(see_myself, &ids[0]);
    spawn(see_myself, &ids[1]);
    crun_hub_run(hub);
    CHECK_EQ_PTR(crun_task_current(), main);
    CHECK_EQ_INT(ids[0], crun_task_id(task));
    CHECK(ids[0] != ids[1] && ids[0] != 1 && ids[1] != 1);
    crun_task_release(task);
    finish();
}

TEST(a_retained_task_outlives_its_end)
{
    int number = 3;
    begin();
    crun_task *task = start(return_number, &number);
    crun_task_retain(task);
    crun_hub_run(hub);
    crun_task_release(task);
    CHECK_EQ_INT(crun_task_result(task), 3);
    crun_task_release(task);
    finish();
}

TEST(a_task_may_be_released_before_it_runs)
{
    begin();
    crun_task_release(start(note_mark, "a"));
    crun_hub_run(hub);
    CHECK_STR(trace, "a");
    finish();
}

TEST(a_released_task_may_be_joined_while_it_lives)
{
    begin();
    crun_task *task = start(sleep_a_little, NULL);
    crun_task_release(task);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    finish();
}

/* --- joining ------------------------------------------------------------------------------ */

TEST(joiners_wake_in_the_order_of_joining)
{
    joiner joiners[5];
    begin();
    crun_task *task = start(sleep_a_little, NULL);
    for (int i = 0; i < 5; i++) {
        joiners[i] =
            (joiner){.task = task, .mark = (char)('a' + i), .deadline = CRUN_FOREVER, .rc = 1};
        spawn(join_and_note, &joiners[i]);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "abcde");
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(joiners[i].rc, 0);
    }
    CHECK_EQ_INT(crun_task_join(task, CRUN_NOWAIT), 0);
    crun_task_release(task);
    finish();
}

TEST(joining_oneself_is_a_deadlock)
{
    begin();
    CHECK_EQ_INT(crun_task_join(crun_task_current(), CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_task_join(crun_task_current(), CRUN_NOWAIT), CRUN_EDEADLK);
    finish();
}

TEST(a_join_times_out_and_the_task_goes_on)
{
    begin();
    crun_task *task = start(sleep_for_ever, NULL);
    CHECK_EQ_INT(crun_task_join(task, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_NEW);
    crun_time at = in_ms(5);
    CHECK_EQ_INT(crun_task_join(task, at), CRUN_ETIMEDOUT);
    CHECK(crun_now(hub) >= at);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    crun_task_cancel(task);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    crun_task_release(task);
    finish();
}

TEST(a_joiner_that_leaves_does_not_disturb_the_others)
{
    joiner joiners[3];
    begin();
    crun_task *task = start(sleep_a_little, NULL), *middle = NULL;
    for (int i = 0; i < 3; i++) {
        joiners[i] =
            (joiner){.task = task, .mark = (char)('a' + i), .deadline = CRUN_FOREVER, .rc = 1};
        crun_task *t = start(join_and_note, &joiners[i]);
        if (i == 1) {
            middle = t;
        } else {
            crun_task_release(t);
        }
    }
    crun_yield(hub);
    crun_task_cancel(middle);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "bac");
    CHECK_EQ_INT(joiners[1].rc, CRUN_ECANCELED);
    CHECK_EQ_INT(joiners[2].rc, 0);
    crun_task_release(middle);
    crun_task_release(task);
    finish();
}

/* --- deadlines ---------------------------------------------------------------------------- */

TEST(sleeping_without_a_deadline_ahead_lets_the_others_run)
{
    begin();
    spawn(note_mark, "a");
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_NOWAIT), 0);
    CHECK_STR(trace, "a");
    spawn(note_mark, "b");
    CHECK_EQ_INT(crun_sleep_until(hub, crun_now(hub) - 1), 0);
    CHECK_STR(trace, "ab");
    finish();
}

typedef struct sleeper {
    int ms;
    char mark;
} sleeper;

static int sleep_and_note(void *arg)
{
    const sleeper *s = arg;
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(s->ms)), 0);
    note(s->mark);
    return 0;
}

TEST(sleepers_wake_by_deadline_and_at_the_same_time_in_order)
{
    sleeper sleepers[] = {{30, 'd'}, {10, 'a'}, {20, 'b'}, {20, 'c'}, {40, 'e'}};
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    for (int i = 0; i < 5; i++) {
        spawn(sleep_and_note, &sleepers[i]);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "abcde");
    finish();
}

/* --- daemons ------------------------------------------------------------------------------ */

static crun_task *start_daemon(crun_task_fn *fn, void *arg)
{
    crun_task *task = NULL;
    crun_task_options options = {.size = sizeof options, .name = "daemon", .daemon = true};
    CHECK_EQ_INT(crun_spawn(hub, fn, arg, &options, &task), 0);
    return task;
}

static void end_task(crun_task *task)
{
    crun_task_cancel(task);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    crun_task_release(task);
}

TEST(the_hub_does_not_run_for_daemons)
{
    begin();
    crun_task *task = start_daemon(sleep_for_ever, NULL);
    CHECK(crun_task_is_daemon(task));
    CHECK_EQ_INT(stats().daemons, 1);
    spawn(sleep_a_little, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK(!crun_task_done(task));
    end_task(task);
    finish();
}

TEST(a_daemon_may_become_none_and_back)
{
    begin();
    crun_task *task = start_daemon(sleep_a_little, NULL);
    crun_task_set_daemon(task, false);
    crun_task_set_daemon(task, false);
    CHECK_EQ_INT(stats().daemons, 0);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK(crun_task_done(task));
    crun_task_set_daemon(task, true);
    CHECK(!crun_task_is_daemon(task));
    CHECK_EQ_INT(stats().daemons, 0);
    crun_task_release(task);
    finish();
}

static int become_a_daemon(void *arg)
{
    crun_task_set_daemon(crun_task_current(), true);
    return sleep_for_ever(arg);
}

TEST(the_last_one_that_becomes_a_daemon_ends_the_run)
{
    begin();
    crun_task *task = start(become_a_daemon, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    end_task(task);
    finish();
}

TEST_MAIN
