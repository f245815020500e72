/* SPDX-License-Identifier: MIT */
/* Threads with a hub of their own: start, join, interrupt, and the end of the starter's hub. */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "../../runtime/hub.h"
#include "../../runtime/thread.h"
#include "hub_support.h"

enum { THREADS = 20 };

/* What a thread is for and what became of it. */
typedef struct work {
    bool waits;    /* for an interrupt, in its hub */
    bool computes; /* until it is poked */
    atomic_bool begun, poked;
    char reason[32];
    bool ran, ended, released;
} work;

static void note_reason(crun__thread *thread, work *w)
{
    const char *reason = crun__thread_take(thread);
    if (reason)
        (void)strncpy(w->reason, reason, sizeof w->reason - 1);
}

static void run(crun__thread *thread, void *arg)
{
    work *w = arg;
    w->ran = crun_hub_current() && crun__hub->current == crun__hub->main;
    note_reason(thread, w);
    if (w->reason[0])
        return;
    atomic_store(&w->begun, true);
    crun_hub_hold(crun__hub);
    if (w->waits && crun_sleep_until(crun__hub, CRUN_FOREVER) != CRUN_ECANCELED)
        w->ran = false;
    while (w->computes && !atomic_load(&w->poked)) {
    }
    crun_hub_release(crun__hub);
    note_reason(thread, w);
}

static void interrupted(crun__thread *thread, void *arg)
{
    note_reason(thread, arg);
    crun_task_cancel(crun__hub->main);
}

static void poke(crun__thread *thread, void *arg)
{
    work *w = arg;
    (void)thread;
    atomic_store(&w->poked, true);
}

static void ended(crun__thread *thread, void *arg)
{
    work *w = arg;
    CHECK(!crun__thread_alive(thread));
    w->ended = true;
}

static void release(void *arg)
{
    work *w = arg;
    w->released = true;
}

static const crun__thread_type type = {run, interrupted, poke, ended, release};

static crun__thread *begin_thread(work *w)
{
    crun__thread *thread = NULL;
    if (crun__thread_start(&type, w, &thread) != 0)
        abort();
    return thread;
}

static int join(crun__thread *thread)
{
    if (crun__thread_join_begin(thread, hub->current) > 0)
        return 0;
    return crun__wait_park(hub->current, CRUN_FOREVER);
}

static void check_end(crun__thread *thread, const work *w)
{
    CHECK(w->ran && w->ended && !w->released);
    CHECK_EQ_INT(crun__thread_code(thread), 0);
    crun__thread_drop(thread);
    CHECK(w->released);
}

TEST(threads_run_and_are_joined)
{
    begin();
    work works[THREADS] = {0};
    crun__thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = begin_thread(&works[i]);
    for (int i = 0; i < THREADS; i++) {
        CHECK(crun__thread_ident(threads[i]) > 0);
        CHECK_EQ_INT(join(threads[i]), 0);
        CHECK_EQ_INT(join(threads[i]), 0);
        CHECK_EQ_INT(crun__thread_interrupt(threads[i], "late"), CRUN_EALREADY);
        check_end(threads[i], &works[i]);
    }
    finish();
}

TEST(an_interrupt_reaches_a_thread_that_waits)
{
    begin();
    for (int i = 0; i < THREADS; i++) {
        work w = {.waits = true};
        crun__thread *thread = begin_thread(&w);
        CHECK_EQ_INT(crun__thread_interrupt(thread, "enough"), 0);
        CHECK_EQ_INT(join(thread), 0);
        CHECK(strcmp(w.reason, "enough") == 0);
        check_end(thread, &w);
    }
    finish();
}

TEST(an_interrupt_reaches_a_thread_that_computes)
{
    begin();
    work w = {.computes = true};
    crun__thread *thread = begin_thread(&w);
    while (!atomic_load(&w.begun))
        (void)sched_yield();
    CHECK_EQ_INT(crun__thread_interrupt(thread, "first"), 0);
    CHECK_EQ_INT(crun__thread_interrupt(thread, "second"), 0);
    CHECK_EQ_INT(join(thread), 0);
    CHECK(strcmp(w.reason, "second") == 0 || strcmp(w.reason, "first") == 0);
    check_end(thread, &w);
    finish();
}

TEST(the_end_of_the_hub_interrupts_and_joins_what_is_left)
{
    begin();
    work waits = {.waits = true}, nothing = {0};
    crun__thread_drop(begin_thread(&waits));
    crun__thread *held = begin_thread(&nothing);
    CHECK_EQ_INT(join(held), 0);
    crun__thread_drop(held);
    finish();
    CHECK(waits.ran && waits.ended && waits.released);
    CHECK(strcmp(waits.reason, "the program ends") == 0);
}

TEST(a_thread_that_goes_on_keeps_nobody_from_a_deadlock)
{
    begin();
    work w = {.waits = true};
    crun__thread *thread = begin_thread(&w);
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun__thread_interrupt(thread, "over"), 0);
    CHECK_EQ_INT(join(thread), 0);
    check_end(thread, &w);
    finish();
}

TEST_MAIN
