/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

/* What a task waits for, and what came of it. */
typedef struct job {
    crun_future *future;
    crun_time deadline;
    char mark;
    int waited;
    int result;
    crun_task *task;
} job;

static job jobs[4];

static int wait_job(void *arg)
{
    job *j = arg;
    j->waited = crun_future_wait(j->future, j->deadline);
    j->result = crun_future_result(j->future, NULL);
    note(j->mark);
    return j->waited == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

static void start_jobs(int count, crun_future *future, crun_time deadline)
{
    for (int i = 0; i < count; i++) {
        jobs[i] = (job){future, deadline, (char)('a' + i), 1, 1, NULL};
        jobs[i].task = start(wait_job, &jobs[i]);
        CHECK_EQ_INT(crun_yield(hub), 0);
    }
}

static void end_jobs(int count)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    for (int i = 0; i < count; i++) {
        crun_task_release(jobs[i].task);
    }
}

TEST(future_gives_its_value_to_all_before_and_after_in_order)
{
    crun_future future;
    const crun_value *value = NULL;
    begin();
    crun_future_init(&future);
    CHECK(!crun_future_done(&future));
    CHECK_EQ_INT(crun_future_result(&future, &value), CRUN_EAGAIN);
    start_jobs(3, &future, CRUN_FOREVER);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_future_set(&future, &(crun_value){CRUN_INTEGER, {.integer = 42}}), 0);
    CHECK(crun_future_done(&future));
    end_jobs(3);
    CHECK_STR(trace, "abc");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(jobs[i].waited, 0);
        CHECK_EQ_INT(jobs[i].result, 0);
    }
    CHECK_EQ_INT(crun_future_wait(&future, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_future_result(&future, &value), 0);
    CHECK_EQ_INT(value->as.integer, 42);
    crun_future_fini(&future);
    finish();
}

TEST(future_owns_its_value_until_the_end)
{
    crun_future future;
    const crun_value *value = NULL;
    begin();
    crun_future_init(&future);
    crun_value bytes = {CRUN_BYTES, {.bytes = crun_bytes_new("text", 4)}};
    CHECK_EQ_INT(crun_future_set(&future, &bytes), 0);
    CHECK_EQ_INT(crun_future_result(&future, &value), 0);
    CHECK_STR(value->as.bytes->data, "text");
    crun_bytes_retain(bytes.as.bytes);
    CHECK_EQ_INT(crun_future_set(&future, &bytes), CRUN_EALREADY);
    crun_bytes_release(bytes.as.bytes);
    crun_future_fini(&future);
    CHECK_EQ_INT(future.value.type, CRUN_NIL);
    crun_future_init(&future);
    CHECK_EQ_INT(crun_future_set(&future, NULL), 0);
    CHECK_EQ_INT(crun_future_result(&future, &value), 0);
    CHECK_EQ_INT(value->type, CRUN_NIL);
    crun_future_fini(&future);
    finish();
}

TEST(future_that_fails_or_is_cancelled_says_so)
{
    crun_future future;
    begin();
    crun_future_init(&future);
    start_jobs(2, &future, CRUN_FOREVER);
    CHECK_EQ_INT(crun_future_fail(&future, CRUN_ECLOSED), 0);
    end_jobs(2);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(jobs[i].waited, 0);
        CHECK_EQ_INT(jobs[i].result, CRUN_ECLOSED);
    }
    crun_future_init(&future);
    start_jobs(1, &future, CRUN_FOREVER);
    CHECK_EQ_INT(crun_future_cancel(&future), 0);
    end_jobs(1);
    CHECK_EQ_INT(jobs[0].waited, 0);
    CHECK_EQ_INT(jobs[0].result, CRUN_ECANCELED);
    CHECK_STR(trace, "aba");
    finish();
}

TEST(future_is_set_once)
{
    crun_future future;
    const crun_value one = {CRUN_INTEGER, {.integer = 1}};
    const crun_value *value = NULL;
    begin();
    crun_future_init(&future);
    start_jobs(1, &future, CRUN_FOREVER);
    CHECK_EQ_INT(crun_future_set(&future, &one), 0);
    CHECK_EQ_INT(crun_future_fail(&future, CRUN_ECLOSED), CRUN_EALREADY);
    CHECK_EQ_INT(crun_future_cancel(&future), CRUN_EALREADY);
    CHECK_EQ_INT(crun_future_set(&future, NULL), CRUN_EALREADY);
    end_jobs(1);
    CHECK_STR(trace, "a");
    CHECK_EQ_INT(crun_future_result(&future, &value), 0);
    CHECK_EQ_INT(value->as.integer, 1);
    crun_future_init(&future);
    CHECK_EQ_INT(crun_future_cancel(&future), 0);
    CHECK_EQ_INT(crun_future_set(&future, &one), CRUN_EALREADY);
    CHECK_EQ_INT(crun_future_result(&future, NULL), CRUN_ECANCELED);
    finish();
}

TEST(future_wait_that_leaves_takes_nothing_along)
{
    crun_future future;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_future_init(&future);
    CHECK_EQ_INT(crun_future_wait(&future, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_future_wait(&future, in_ms(5)), CRUN_ETIMEDOUT);
    start_jobs(3, &future, CRUN_FOREVER);
    CHECK_EQ_INT(crun_task_cancel(jobs[1].task), 0);
    CHECK_EQ_INT(crun_future_set(&future, NULL), 0);
    end_jobs(3);
    CHECK_EQ_INT(jobs[1].waited, CRUN_ECANCELED);
    CHECK_EQ_INT(jobs[0].waited, 0);
    CHECK_EQ_INT(jobs[2].waited, 0);
    crun_future_init(&future);
    start_jobs(1, &future, CRUN_FOREVER);
    CHECK_EQ_INT(crun_future_set(&future, NULL), 0);
    CHECK_EQ_INT(crun_task_cancel(jobs[0].task), 0);
    end_jobs(1);
    CHECK_EQ_INT(jobs[0].waited, 0);
    finish();
}

TEST_MAIN
