/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

/* Values are small numbers in pointers. */
static void *num(intptr_t n)
{
    return (void *)n;
}

static crun_greenlet *make(crun_greenlet_fn *fn)
{
    crun_greenlet *g = NULL;
    if (crun_greenlet_new(fn, &g) != 0)
        abort();
    return g;
}

static int back(void *value, void **out)
{
    return crun_greenlet_switch(crun_greenlet_parent(crun_greenlet_current()), value, out);
}

/* Returns what it gets, plus one, until it gets 0. */
static int adder(void *value, void **result)
{
    while (value) {
        int rc = back((char *)value + 1, &value);
        if (rc < 0) {
            note('x');
            return rc;
        }
    }
    *result = num(100);
    return 0;
}

TEST(values_go_both_ways_and_results_to_the_parent)
{
    void *got = NULL;
    begin();
    crun_greenlet *g = make(adder);
    CHECK_EQ_PTR(crun_greenlet_parent(g), crun_greenlet_current());
    CHECK_EQ_INT(crun_greenlet_switch(g, num(1), &got), 0);
    CHECK_EQ_PTR(got, num(2));
    CHECK_EQ_INT(crun_greenlet_switch(g, num(7), &got), 0);
    CHECK_EQ_PTR(got, num(8));
    CHECK(!crun_greenlet_dead(g));
    CHECK_EQ_INT(crun_greenlet_switch(g, NULL, &got), 0);
    CHECK_EQ_PTR(got, num(100));
    CHECK(crun_greenlet_dead(g));
    CHECK_EQ_INT(crun_greenlet_switch(g, num(5), &got), 0);
    CHECK_EQ_PTR(got, num(5));
    CHECK_EQ_INT(crun_greenlet_free(g), 0);
    finish();
}

static crun_greenlet *pair[2];

static int first(void *value, void **result)
{
    void *got = NULL;
    note('1');
    CHECK_EQ_INT(crun_greenlet_switch(pair[1], value, &got), 0);
    CHECK_EQ_PTR(got, num(20));
    note('3');
    (void)crun_greenlet_switch(pair[1], num(30), &got);
    (void)result;
    note('!');
    return 0;
}

static int second(void *value, void **result)
{
    void *got = NULL;
    CHECK_EQ_PTR(value, num(10));
    note('2');
    CHECK_EQ_INT(crun_greenlet_switch(pair[0], num(20), &got), 0);
    CHECK_EQ_PTR(got, num(30));
    note('4');
    *result = num(40);
    return 0;
}

TEST(two_switch_to_each_other)
{
    void *got = NULL;
    begin();
    pair[0] = make(first);
    pair[1] = make(second);
    CHECK_EQ_INT(crun_greenlet_switch(pair[0], num(10), &got), 0);
    CHECK_EQ_PTR(got, num(40));
    CHECK_STR(trace, "1234");
    CHECK(!crun_greenlet_dead(pair[0]));
    CHECK(crun_greenlet_dead(pair[1]));
    CHECK_EQ_INT(crun_greenlet_free(pair[0]), 0); /* unwound, it notes its end */
    CHECK_STR(trace, "1234!");
    CHECK_EQ_INT(crun_greenlet_free(pair[1]), 0);
    finish();
}

TEST(codes_are_thrown_and_come_out_at_the_parent)
{
    void *got = NULL;
    begin();
    crun_greenlet *g = make(adder), *unborn = make(adder);
    CHECK_EQ_INT(crun_greenlet_switch(g, num(1), NULL), 0);
    CHECK_EQ_INT(crun_greenlet_throw(g, CRUN_EBUSY, &got), CRUN_EBUSY);
    CHECK(crun_greenlet_dead(g));
    CHECK_STR(trace, "x");
    CHECK_EQ_INT(crun_greenlet_throw(unborn, CRUN_EINVAL, NULL), CRUN_EINVAL);
    CHECK(crun_greenlet_dead(unborn));
    CHECK_STR(trace, "x");
    CHECK_EQ_INT(crun_greenlet_free(g), 0);
    CHECK_EQ_INT(crun_greenlet_free(unborn), 0);
    finish();
}

/* --- tasks -------------------------------------------------------------------------------- */

static int napper(void *value, void **result)
{
    crun_time nap = crun_now(hub) + 1000000;
    CHECK_EQ_INT(crun_sleep_until(hub, nap), 0);
    note('w');
    *result = value;
    return 0;
}

static int nap_in_greenlet(void *arg)
{
    void *got = NULL;
    crun_greenlet *g = make(napper);
    note('n');
    CHECK_EQ_INT(crun_greenlet_switch(g, arg, &got), 0);
    CHECK_EQ_PTR(got, arg);
    return crun_greenlet_free(g);
}

static int bystander(void *arg)
{
    (void)arg;
    note('b');
    return 0;
}

TEST(a_wait_in_a_greenlet_is_its_tasks)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    spawn(nap_in_greenlet, num(1));
    spawn(bystander, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "nbw");
    finish();
}

/* Is suspended until it is unwound; tries once more then. */
static int stubborn(void *value, void **result)
{
    (void)result;
    CHECK_EQ_INT(back(NULL, NULL), CRUN_ECANCELED);
    CHECK_EQ_INT(back(NULL, NULL), CRUN_ECANCELED);
    note(*(char *)value);
    return 0;
}

static crun_greenlet *left[3];

static int leave_some(void *arg)
{
    static char names[] = "abc";
    (void)arg;
    for (int i = 0; i < 3; i++) {
        left[i] = make(stubborn);
        CHECK_EQ_INT(crun_greenlet_switch(left[i], &names[i], NULL), 0);
    }
    note('.');
    return 0;
}

TEST(the_last_started_is_unwound_first_when_the_task_ends)
{
    begin();
    spawn(leave_some, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, ".cba");
    check_clean();
    for (int i = 0; i < 3; i++) {
        CHECK(crun_greenlet_dead(left[i]));
        CHECK_EQ_INT(crun_greenlet_switch(left[i], NULL, NULL), CRUN_EPERM);
        CHECK_EQ_INT(crun_greenlet_free(left[i]), 0);
    }
    finish();
}

TEST(those_of_the_main_task_are_unwound_with_the_hub)
{
    begin();
    leave_some(NULL);
    CHECK_EQ_INT(stats().stacks - stats().stacks_idle, 3);
    crun_hub_free(hub);
    CHECK_STR(trace, ".cba");
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(crun_greenlet_free(left[i]), 0);
}

static int steal(void *g)
{
    CHECK_EQ_INT(crun_greenlet_switch(g, NULL, NULL), CRUN_EPERM);
    CHECK_EQ_INT(crun_greenlet_free(g), CRUN_EPERM);
    return 0;
}

TEST(another_tasks_is_refused)
{
    begin();
    crun_greenlet *g = make(adder);
    CHECK_EQ_INT(crun_greenlet_switch(g, num(1), NULL), 0);
    spawn(steal, g);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(crun_greenlet_free(crun_greenlet_current()), CRUN_EPERM);
    CHECK_EQ_INT(crun_greenlet_free(g), 0);
    finish();
}

/* Each makes a child that outlives it. */
static int nest(void *value, void **result)
{
    crun_greenlet **place = value;
    if (place < &left[2]) {
        place[1] = make(nest);
        (void)crun_greenlet_switch(place[1], place + 1, result);
        note(*result == value ? 'r' : '-');
    }
    *result = value;
    return 0;
}

TEST(parents_may_be_freed_before_their_children)
{
    void *got = NULL;
    begin();
    left[0] = make(nest);
    CHECK_EQ_INT(crun_greenlet_switch(left[0], &left[0], &got), 0);
    CHECK_EQ_PTR(got, &left[0]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(crun_greenlet_free(left[i]), 0);
    finish();
}

TEST(stacks_are_used_again)
{
    void *got = NULL;
    begin();
    for (int i = 1; i <= 1000; i++) {
        crun_greenlet *g = make(adder);
        CHECK_EQ_INT(crun_greenlet_switch(g, num(i), &got), 0);
        CHECK_EQ_PTR(got, num(i + 1));
        CHECK_EQ_INT(crun_greenlet_switch(g, NULL, &got), 0);
        CHECK_EQ_INT(crun_greenlet_free(g), 0);
    }
    CHECK(stats().stacks <= 2);
    finish();
}

TEST_MAIN
