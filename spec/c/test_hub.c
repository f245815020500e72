/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/time.h>

#include "hub_support.h"

enum { SECOND = 1000000000 };

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, CRUN_FOREVER);
}

static int note_mark(void *mark)
{
    note(*(const char *)mark);
    return 0;
}

static void note_post(void *mark)
{
    CHECK_EQ_PTR(crun_task_current(), NULL);
    note(*(const char *)mark);
}

/* --- one hub per thread ------------------------------------------------------------------- */

TEST(a_thread_has_one_hub)
{
    crun_hub *second = NULL;
    CHECK_EQ_PTR(crun_hub_current(), NULL);
    begin();
    CHECK_EQ_PTR(crun_hub_current(), hub);
    CHECK_EQ_INT(crun_hub_new(&second, NULL), CRUN_EALREADY);
    CHECK_EQ_PTR(second, NULL);
    finish();
}

TEST(hubs_may_follow_each_other)
{
    for (int i = 0; i < 20; i++) {
        begin();
        spawn(note_mark, "a");
        CHECK_EQ_INT(crun_hub_run(hub), 0);
        CHECK_STR(trace, "a");
        finish();
    }
}

TEST(a_hub_without_tasks_has_nothing_to_run)
{
    begin();
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    finish();
}

static int small_body(void *arg)
{
    char place[512];
    memset(place, *(const char *)arg, sizeof place);
    crun_yield(hub);
    return place[511] == *(const char *)arg ? 0 : -1;
}

TEST(stacks_of_any_size_work)
{
    const size_t sizes[] = {1, 4096, 20000, 65536, (size_t)8 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        crun_hub_options options = {.size = sizeof options, .stack_size = sizes[i]};
        begin_with(&options);
        crun_task *task = start(small_body, "x");
        CHECK_EQ_INT(crun_hub_run(hub), 0);
        CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_RETURNED);
        crun_task_release(task);
        finish();
    }
}

/* --- deadlock ----------------------------------------------------------------------------- */

TEST(waiting_for_what_nothing_brings_is_a_deadlock)
{
    crun_value v;
    crun_chan *chan = NULL;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_EDEADLK);
    crun_task *task = start(sleep_for_ever, NULL);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_task_get_status(task), CRUN_TASK_WAITING);
    crun_task_cancel(task);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), 0);
    crun_task_release(task);
    crun_chan_release(chan);
    finish();
}

TEST(somebody_with_a_deadline_is_no_deadlock)
{
    begin();
    crun_task *task = start(sleep_for_ever, NULL);
    CHECK_EQ_INT(crun_task_join(task, in_ms(2)), CRUN_ETIMEDOUT);
    crun_task_release(task);
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_EDEADLK);
    crun_hub_free(hub);
}

/* --- posts and wakes from the hub's own thread -------------------------------------------- */

TEST(posts_keep_their_order_and_run_outside_of_tasks)
{
    begin();
    CHECK_EQ_INT(crun_hub_post(hub, note_post, "a"), 0);
    CHECK_EQ_INT(crun_hub_post(hub, note_post, "b"), 0);
    CHECK_EQ_INT(crun_hub_post(hub, note_post, "c"), 0);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_STR(trace, "abc");
    finish();
}

static void post_again(void *mark)
{
    note('1');
    CHECK_EQ_INT(crun_hub_post(hub, note_post, mark), 0);
}

TEST(a_post_may_post)
{
    begin();
    CHECK_EQ_INT(crun_hub_post(hub, post_again, "2"), 0);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_STR(trace, "12");
    finish();
}

static crun_chan *chan;

static void send_one(void *arg)
{
    crun_value v = {.type = CRUN_NIL};
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
    (void)arg;
}

static void post_send(void *arg)
{
    CHECK_EQ_INT(crun_hub_post(hub, send_one, arg), 0);
}

/* What was posted is still to come, however long the chain: no deadlock until it was called. */
TEST(a_post_under_way_is_no_deadlock)
{
    crun_value v;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    CHECK_EQ_INT(crun_hub_post(hub, post_send, NULL), 0);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), 0);
    crun_chan_release(chan);
    finish();
}

static void spawn_post(void *mark)
{
    spawn(note_mark, mark);
}

TEST(a_post_may_spawn)
{
    begin();
    CHECK_EQ_INT(crun_hub_post(hub, spawn_post, "a"), 0);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "a");
    finish();
}

TEST(freeing_the_hub_calls_what_was_posted)
{
    begin();
    CHECK_EQ_INT(crun_hub_post(hub, post_again, "2"), 0);
    crun_hub_free(hub);
    CHECK_STR(trace, "12");
    begin();
    CHECK_EQ_INT(crun_hub_post(hub, spawn_post, "a"), 0);
    crun_hub_free(hub);
    CHECK_STR(trace, "");
}

/* clang-tidy cannot know that crun_hub_wake is safe in a signal handler, which is tested here. */
static void wake_by_signal(int number)
{
    (void)number;
    crun_hub_wake(hub); /* NOLINT(bugprone-signal-handler) */
}

TEST(a_signal_handler_may_wake_the_hub)
{
    begin();
    (void)signal(SIGUSR1, wake_by_signal);
    crun_hub_on_wake(hub, note_post, "w");
    (void)raise(SIGUSR1);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_STR(trace, "w");
    crun_hub_on_wake(hub, NULL, NULL);
    (void)raise(SIGUSR1);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_STR(trace, "w");
    (void)signal(SIGUSR1, SIG_DFL);
    finish();
}

/* --- fairness ----------------------------------------------------------------------------- */

static bool stop;

static int yield_until_stopped(void *arg)
{
    (void)arg;
    while (!stop) {
        crun_yield(hub);
    }
    return 0;
}

static int sleep_and_stop(void *arg)
{
    (void)arg;
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(2)), 0);
    stop = true;
    return 0;
}

TEST(yielding_tasks_do_not_starve_timers)
{
    begin();
    stop = false;
    spawn(yield_until_stopped, NULL);
    spawn(yield_until_stopped, NULL);
    spawn(sleep_and_stop, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    finish();
}

static void stop_post(void *arg)
{
    (void)arg;
    stop = true;
}

TEST(yielding_tasks_do_not_starve_posts)
{
    begin();
    stop = false;
    spawn(yield_until_stopped, NULL);
    CHECK_EQ_INT(crun_hub_post(hub, stop_post, NULL), 0);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    finish();
}

TEST(a_seeded_order_starves_nobody)
{
    begin();
    crun_hub_set_schedule(hub, 3);
    stop = false;
    for (int i = 0; i < 100; i++) {
        spawn(yield_until_stopped, NULL);
    }
    spawn(sleep_and_stop, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    finish();
}

static void note_in_order(uint64_t seed, char *out)
{
    begin();
    crun_hub_set_schedule(hub, seed);
    for (const char *mark = "abcdefghij"; *mark; mark++) {
        spawn(note_mark, (void *)(uintptr_t)mark);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    memcpy(out, trace, strlen(trace) + 1);
    finish();
}

TEST(a_seed_repeats_the_order_of_tasks)
{
    char fifo[256], first[256], second[256], other[256];
    note_in_order(CRUN_SCHEDULE_FIFO, fifo);
    note_in_order(5, first);
    note_in_order(5, second);
    note_in_order(6, other);
    CHECK_STR(fifo, "abcdefghij");
    CHECK_STR(first, second);
    CHECK(strcmp(first, fifo) != 0 && strcmp(first, other) != 0);
}

/* --- the virtual clock -------------------------------------------------------------------- */

static int tick(void *arg)
{
    crun_time *at = arg, start = crun_now(hub);
    for (int i = 1; i <= 1000; i++) {
        CHECK_EQ_INT(crun_sleep_until(hub, start + (crun_time)i * SECOND), 0);
        CHECK_EQ_INT(crun_now(hub), start + (crun_time)i * SECOND);
    }
    *at = crun_now(hub) - start;
    return 0;
}

TEST(the_virtual_clock_jumps_from_timer_to_timer)
{
    crun_time took[2] = {0, 0};
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    spawn(tick, &took[0]);
    spawn(tick, &took[1]);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(took[0], (crun_time)1000 * SECOND);
    CHECK_EQ_INT(took[1], took[0]);
    finish();
}

TEST(the_virtual_clock_stands_while_somebody_is_ready)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    crun_task *task = start(sleep_for_ever, NULL);
    CHECK_EQ_INT(crun_task_join(task, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    turn();
    CHECK_EQ_INT(crun_now(hub), now);
    crun_task_cancel(task);
    crun_task_release(task);
    finish();
}

/* What comes during the patience with the world outside is no reason to let virtual time pass. */
TEST(the_virtual_clock_stands_for_a_wake_that_comes_in_time)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 2000}};
    crun_value v;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_hub_on_wake(hub, send_one, NULL);
    (void)signal(SIGALRM, wake_by_signal);
    crun_hub_hold(hub);
    crun_time now = crun_now(hub);
    CHECK_EQ_INT(setitimer(ITIMER_REAL, &soon, NULL), 0);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, now + SECOND), 0);
    CHECK_EQ_INT(crun_now(hub), now);
    crun_hub_release(hub);
    (void)signal(SIGALRM, SIG_DFL);
    crun_chan_release(chan);
    finish();
}

TEST(the_virtual_clock_stands_for_a_chain_of_posts)
{
    crun_value v;
    begin();
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time now = crun_now(hub);
    CHECK_EQ_INT(crun_hub_post(hub, post_send, NULL), 0);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, now + SECOND), 0);
    CHECK_EQ_INT(crun_now(hub), now);
    crun_chan_release(chan);
    finish();
}

/* --- freeing with tasks alive ------------------------------------------------------------- */

static int clean_up(void *mark)
{
    int rc = crun_sleep_until(hub, CRUN_FOREVER);
    note(*(const char *)mark);
    return rc;
}

static int clean_up_with_help(void *mark)
{
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_ECANCELED);
    spawn(clean_up, mark);
    return 0;
}

TEST(freeing_the_hub_cancels_and_waits_for_all)
{
    crun_task_options daemon = {.size = sizeof daemon, .daemon = true};
    begin();
    spawn(clean_up, "a");
    CHECK_EQ_INT(crun_spawn(hub, clean_up, "b", &daemon, NULL), 0);
    spawn(clean_up_with_help, "x");
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    spawn(note_mark, "n");
    crun_hub_free(hub);
    CHECK_STR(trace, "ab");
}

static int cancel_main(void *main)
{
    CHECK_EQ_INT(crun_task_cancel(main), 0);
    return clean_up("a");
}

TEST(a_cancelled_main_task_frees_the_hub_all_the_same)
{
    begin();
    spawn(cancel_main, crun_task_current());
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_ECANCELED);
    crun_hub_free(hub);
    CHECK_STR(trace, "a");
}

static int spawn_when_the_last_ends(void *last)
{
    CHECK_EQ_INT(crun_task_join(last, CRUN_FOREVER), 0);
    spawn(clean_up_with_help, NULL);
    return 0;
}

static int yield_some(void *arg)
{
    (void)arg;
    return crun_yield(hub);
}

/* When the main task's turn comes there is one again that is no daemon. */
TEST(a_run_does_not_end_before_those_spawned_last)
{
    crun_task_options daemon = {.size = sizeof daemon, .daemon = true};
    begin();
    crun_task *last = start(yield_some, NULL);
    CHECK_EQ_INT(crun_spawn(hub, spawn_when_the_last_ends, last, &daemon, NULL), 0);
    CHECK_EQ_INT(crun_hub_run(hub), CRUN_EDEADLK);
    CHECK_EQ_INT(stats().tasks, 1);
    crun_task_release(last);
    crun_hub_free(hub);
}

/* --- numbers ------------------------------------------------------------------------------ */

TEST(stats_count_what_is_there)
{
    enum { COUNT = 10 };
    crun_task_options daemon = {.size = sizeof daemon, .daemon = true};
    begin();
    check_clean();
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(crun_spawn(hub, sleep_for_ever, NULL, i < 3 ? &daemon : NULL, NULL), 0);
    }
    CHECK_EQ_INT(stats().tasks, COUNT);
    CHECK_EQ_INT(stats().daemons, 3);
    CHECK_EQ_INT(stats().stacks, 0);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    CHECK_EQ_INT(stats().stacks - stats().stacks_idle, COUNT);
    CHECK_EQ_INT(stats().timers, 0);
    uint64_t switches = stats().switches;
    turn();
    CHECK(stats().switches > switches);
    crun_hub_free(hub);
}

TEST(the_stack_budget_is_set_and_told)
{
    crun_hub_options options = {.size = sizeof options, .stack_budget = 7};
    begin_with(&options);
    CHECK_EQ_INT(crun_hub_set_stack_budget(hub, 0), 7);
    CHECK_EQ_INT(crun_hub_set_stack_budget(hub, 3), 0);
    for (int i = 0; i < 20; i++) {
        spawn(yield_some, NULL);
    }
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(crun_hub_set_stack_budget(hub, 1), 3);
    finish();
}

TEST_MAIN
