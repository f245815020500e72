/* SPDX-License-Identifier: MIT */
/* As many tasks as a busy server has. */
#include "hub_support.h"

#include "random.h"

enum { MANY = 100000, PARKED = 5000, TURNS = 100 };

/* CRUN_SPEC_SCALE says how much of the work a slow flavour is to do. */
static int scaled(int count)
{
    const char *scale = getenv("CRUN_SPEC_SCALE");
    return scale ? (int)(count * strtod(scale, NULL)) : count;
}

static int count_up(void *count)
{
    ++*(int *)count;
    return 0;
}

TEST(many_tasks_run_on_few_stacks)
{
    int count = 0, many = scaled(MANY);
    begin();
    for (int i = 0; i < many; i++) {
        spawn(count_up, &count);
    }
    CHECK_EQ_INT(stats().tasks, many);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(count, many);
    CHECK(stats().stacks <= 2);
    finish();
}

static int yield_and_count(void *count)
{
    for (int i = 0; i < TURNS; i++) {
        crun_yield(hub);
    }
    return count_up(count);
}

TEST(many_parked_tasks_take_turns)
{
    int count = 0, many = scaled(PARKED);
    begin();
    for (int i = 0; i < many; i++) {
        spawn(yield_and_count, &count);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(count, many);
    finish();
}

static random_state random_numbers = 5;
static crun_time latest;

static int sleep_at_random(void *count)
{
    crun_time at = crun_now(hub) + (crun_time)random_below(&random_numbers, 1000000000);
    CHECK_EQ_INT(crun_sleep_until(hub, at), 0);
    CHECK(at >= latest);
    latest = at;
    return count_up(count);
}

TEST(many_sleepers_wake_in_order_of_time)
{
    int count = 0, many = scaled(PARKED);
    begin();
    latest = 0;
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    for (int i = 0; i < many; i++) {
        spawn(sleep_at_random, &count);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(count, many);
    finish();
}

typedef struct member {
    crun_task *task;
    crun_time until;
} member;

static int sleep_or_be_cancelled(void *arg)
{
    const member *m = arg;
    int rc = crun_sleep_until(hub, m->until);
    CHECK(rc == 0 || rc == CRUN_ECANCELED);
    return rc;
}

/* Every other one is cancelled, in random order, while the rest of them wake. */
TEST(many_can_be_cancelled_at_random)
{
    int many = scaled(PARKED);
    member *members = calloc((size_t)many, sizeof *members);
    begin();
    REQUIRE(members != NULL);
    for (int i = 0; i < many; i++) {
        members[i].until = i % 2 ? CRUN_FOREVER : in_ms((int)random_below(&random_numbers, 50));
        members[i].task = start(sleep_or_be_cancelled, &members[i]);
    }
    for (int i = 0; i < many; i++) {
        crun_task *task = members[random_below(&random_numbers, (uint64_t)many / 2) * 2 + 1].task;
        if (!crun_task_done(task)) {
            CHECK_EQ_INT(crun_task_cancel(task), 0);
        }
        if (i % 100 == 0) {
            crun_yield(hub);
        }
    }
    for (int i = 0; i < many; i++) {
        if (i % 2) {
            crun_task_cancel(members[i].task);
        }
        CHECK_EQ_INT(crun_task_join(members[i].task, CRUN_FOREVER), 0);
        crun_task_release(members[i].task);
    }
    finish();
    free(members);
}

TEST_MAIN
