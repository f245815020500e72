/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

static crun_pool pool;

/* Notes its mark, sleeps as many ms as its digit says, and notes it again in upper case. */
static int job(void *arg)
{
    const char *name = arg;
    note(name[0]);
    int rc = crun_sleep_until(hub, in_ms(name[1] - '0'));
    note((char)(name[0] - 'a' + 'A'));
    return rc;
}

static void begin_pool(size_t size)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_pool_init(&pool, size);
}

static void finish_pool(void)
{
    CHECK_EQ_INT(crun_pool_join(&pool, CRUN_FOREVER), 0);
    CHECK_EQ_INT(pool.taken, 0);
    crun_pool_fini(&pool);
    finish();
}

static int add(const char *name, crun_time deadline)
{
    return crun_pool_spawn(&pool, job, (void *)(uintptr_t)name, NULL, NULL, deadline);
}

TEST(spawn_waits_for_a_place_in_the_order_of_asking)
{
    begin_pool(2);
    CHECK_EQ_INT(add("a1", CRUN_NOWAIT), 0);
    CHECK(!crun_pool_full(&pool));
    CHECK_EQ_INT(add("b3", CRUN_NOWAIT), 0);
    CHECK(crun_pool_full(&pool));
    CHECK_EQ_INT(add("x1", CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(add("c1", CRUN_FOREVER), 0);
    CHECK_EQ_INT(add("d1", in_ms(5)), 0);
    finish_pool();
    CHECK_STR(trace, "abAcCdBD");
}

TEST(wait_that_times_out_takes_no_place)
{
    begin_pool(1);
    CHECK_EQ_INT(add("a2", CRUN_FOREVER), 0);
    CHECK_EQ_INT(add("x1", in_ms(1)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_pool_wait_available(&pool, in_ms(0)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_pool_wait_available(&pool, CRUN_FOREVER), 0);
    CHECK_EQ_INT(add("b1", CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_pool_join(&pool, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    finish_pool();
    CHECK_STR(trace, "aAbB");
}

TEST(cancel_ends_all_in_it_begun_or_not)
{
    crun_task *first, *second;
    begin_pool(SIZE_MAX);
    CHECK_EQ_INT(crun_pool_join(&pool, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_pool_spawn(&pool, job, "a9", NULL, &first, CRUN_NOWAIT), 0);
    crun_yield(hub);
    CHECK_EQ_INT(crun_pool_spawn(&pool, job, "b9", NULL, &second, CRUN_NOWAIT), 0);
    crun_pool_cancel(&pool);
    CHECK_EQ_INT(crun_pool_join(&pool, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_task_get_status(first), CRUN_TASK_CANCELLED);
    CHECK_EQ_INT(crun_task_get_status(second), CRUN_TASK_CANCELLED);
    crun_task_release(first);
    crun_task_release(second);
    CHECK_EQ_INT(add("c1", CRUN_NOWAIT), 0);
    finish_pool();
    CHECK_STR(trace, "aAcC");
}

static int spawn_further(void *arg)
{
    *(int *)arg = add("x1", CRUN_FOREVER);
    return crun_pool_join(&pool, CRUN_FOREVER);
}

TEST(job_that_would_wait_for_itself_is_told)
{
    int rc = 1;
    crun_task *task;
    begin_pool(1);
    CHECK_EQ_INT(crun_pool_spawn(&pool, spawn_further, &rc, NULL, &task, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_pool_join(&pool, CRUN_FOREVER), 0);
    CHECK_EQ_INT(rc, CRUN_EDEADLK);
    CHECK_EQ_INT(crun_task_result(task), CRUN_EDEADLK);
    crun_task_release(task);
    finish_pool();
}

TEST(pool_can_go_before_its_jobs)
{
    begin_pool(1);
    CHECK_EQ_INT(add("a1", CRUN_FOREVER), 0);
    crun_yield(hub);
    crun_pool_fini(&pool);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "aA");
    finish();
}

TEST_MAIN
