/* SPDX-License-Identifier: MIT */
#include "../../runtime/scope.h"
#include "hub_support.h"

static crun_task *self(void)
{
    return crun_task_current();
}

static crun__scope *enter(crun__scope *scope, crun_time deadline)
{
    CHECK_EQ_INT(crun__scope_enter(scope, self(), false, deadline), 0);
    return scope;
}

static crun__scope *enter_shield(crun__scope *scope)
{
    CHECK_EQ_INT(crun__scope_enter(scope, self(), true, CRUN_FOREVER), 0);
    return scope;
}

static bool doomed(void)
{
    bool flag = self()->flags & CRUN__DOOMED;
    CHECK_EQ_INT(crun_yield(hub), flag ? CRUN_ECANCELED : 0);
    return flag;
}

static int sleep_for_ever(void)
{
    return crun_sleep_until(hub, CRUN_FOREVER);
}

TEST(a_cancelled_scope_dooms_until_it_is_left)
{
    crun__scope scope;
    begin();
    enter(&scope, CRUN_FOREVER);
    CHECK(!doomed());
    crun__scope_cancel(&scope);
    CHECK(doomed());
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &scope);
    crun__scope_leave(&scope);
    CHECK(!doomed());
    crun__scope_leave(&scope);
    crun__scope_cancel(&scope);
    CHECK(!doomed());
    CHECK_EQ_PTR(self()->scope, NULL);
    finish();
}

TEST(of_several_the_outermost_counts)
{
    crun__scope scopes[3];
    begin();
    for (int i = 0; i < 3; i++) {
        enter(&scopes[i], CRUN_FOREVER);
    }
    crun__scope_cancel(&scopes[2]);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &scopes[2]);
    crun__scope_cancel(&scopes[0]);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &scopes[0]);
    crun__scope_cancel(&scopes[1]);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &scopes[0]);
    crun__scope_leave(&scopes[2]);
    CHECK(doomed());
    crun__scope_leave(&scopes[1]);
    CHECK(doomed());
    crun__scope_leave(&scopes[0]);
    CHECK(!doomed());
    finish();
}

TEST(inside_a_shield_nothing_from_outside_counts)
{
    crun__scope outer, shield, inner;
    begin();
    enter(&outer, CRUN_FOREVER);
    enter_shield(&shield);
    crun__scope_cancel(&outer);
    CHECK(!doomed());
    enter(&inner, CRUN_FOREVER);
    CHECK(!doomed());
    crun__scope_cancel(&inner);
    CHECK(doomed());
    CHECK_EQ_PTR(crun__scope_culprit(self()), &inner);
    crun__scope_leave(&inner);
    CHECK(!doomed());
    crun__scope_leave(&shield);
    CHECK(doomed());
    CHECK_EQ_PTR(crun__scope_culprit(self()), &outer);
    crun__scope_leave(&outer);
    CHECK(!doomed());
    finish();
}

TEST(a_shield_can_be_cancelled_itself)
{
    crun__scope shield;
    begin();
    enter_shield(&shield);
    crun__scope_cancel(&shield);
    CHECK(doomed());
    CHECK_EQ_PTR(crun__scope_culprit(self()), &shield);
    crun__scope_leave(&shield);
    CHECK(!doomed());
    finish();
}

TEST(a_shield_within_a_cancelled_scope_lifts_the_doom)
{
    crun__scope outer, shield;
    begin();
    enter(&outer, CRUN_FOREVER);
    crun__scope_cancel(&outer);
    enter_shield(&shield);
    CHECK(!doomed());
    crun__scope_leave(&shield);
    CHECK(doomed());
    crun__scope_leave(&outer);
    finish();
}

static void leave_in_order(const int *order)
{
    crun__scope scopes[3];
    for (int i = 0; i < 3; i++) {
        enter(&scopes[i], in_ms(60000));
    }
    crun__scope_cancel(&scopes[1]);
    bool inside = true;
    for (int i = 0; i < 3; i++) {
        crun__scope_leave(&scopes[order[i]]);
        inside = inside && order[i] != 1;
        CHECK_EQ_INT(doomed(), inside);
    }
    CHECK_EQ_PTR(self()->scope, NULL);
    CHECK_EQ_INT(stats().timers, 0);
}

TEST(scopes_are_left_in_any_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    begin();
    for (int i = 0; i < 6; i++) {
        leave_in_order(orders[i]);
    }
    finish();
}

TEST(a_scope_expires_and_ends_the_wait)
{
    crun__scope scope;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time at = in_ms(1000);
    enter(&scope, at);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    CHECK_EQ_INT(crun_now(hub), at);
    CHECK_EQ_INT(scope.state, CRUN__SCOPE_EXPIRED);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &scope);
    crun__scope_leave(&scope);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_EDEADLK);
    finish();
}

TEST(a_scope_without_time_is_expired_from_the_start)
{
    crun__scope scope;
    begin();
    enter(&scope, CRUN_NOWAIT);
    CHECK(doomed());
    CHECK_EQ_INT(scope.state, CRUN__SCOPE_EXPIRED);
    crun__scope_leave(&scope);
    CHECK(!doomed());
    finish();
}

TEST(the_inner_deadline_comes_first_and_the_outer_stays)
{
    crun__scope outer, inner;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time first = in_ms(10), second = in_ms(20);
    enter(&outer, second);
    enter(&inner, first);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    CHECK_EQ_INT(crun_now(hub), first);
    CHECK_EQ_PTR(crun__scope_culprit(self()), &inner);
    crun__scope_leave(&inner);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    CHECK_EQ_INT(crun_now(hub), second);
    crun__scope_leave(&outer);
    finish();
}

TEST(a_deadline_held_back_by_a_shield_strikes_behind_it)
{
    crun__scope outer, shield;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    enter(&outer, in_ms(10));
    enter_shield(&shield);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(100)), 0);
    CHECK_EQ_INT(outer.state, CRUN__SCOPE_EXPIRED);
    crun__scope_leave(&shield);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    crun__scope_leave(&outer);
    finish();
}

TEST(a_scope_left_in_time_leaves_no_timer)
{
    crun__scope scope;
    begin();
    enter(&scope, in_ms(60000));
    CHECK_EQ_INT(stats().timers, 1);
    crun__scope_leave(&scope);
    CHECK_EQ_INT(stats().timers, 0);
    finish();
}

static int wait_in_scope(void *arg)
{
    crun__scope *scope = enter(arg, CRUN_FOREVER);
    CHECK_EQ_INT(sleep_for_ever(), CRUN_ECANCELED);
    crun__scope_leave(scope);
    return crun_yield(hub);
}

TEST(another_task_may_cancel_a_scope)
{
    crun__scope scope;
    begin();
    crun_task *task = start(wait_in_scope, &scope);
    crun_yield(hub);
    crun__scope_cancel(&scope);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_RETURNED);
    crun_task_release(task);
    finish();
}

static int work_in_shield(void *arg)
{
    crun__scope *shield = enter_shield(arg);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(10)), 0);
    note('s');
    crun__scope_leave(shield);
    return sleep_for_ever();
}

TEST(a_cancel_of_the_task_waits_behind_its_shield)
{
    crun__scope shield;
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_task *task = start(work_in_shield, &shield);
    crun_yield(hub);
    CHECK_EQ_INT(crun_task_cancel(task), 0);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    CHECK_STR(trace, "s");
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_CANCELLED);
    crun_task_release(task);
    finish();
}

static int end_inside(void *arg)
{
    enter(arg, in_ms(60000));
    return 0;
}

/* As a generator that was dropped does: the scope is then no task's. */
TEST(a_scope_outlives_its_task)
{
    crun__scope scope;
    begin();
    spawn(end_inside, &scope);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_PTR(scope.task, NULL);
    CHECK_EQ_INT(stats().timers, 0);
    crun__scope_leave(&scope);
    crun__scope_cancel(&scope);
    finish();
}

TEST_MAIN
