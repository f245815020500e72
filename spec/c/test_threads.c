/* SPDX-License-Identifier: MIT */
/* What threads may do together: several hubs in one process, posts and wakes from elsewhere. */
#include <pthread.h>

#include <crun/crun.h>

#include "test.h"

enum { HUBS = 2, PAIRS = 20, ROUNDS = 200, POSTERS = 4, POSTS = 2000 };

/* --- two hubs ----------------------------------------------------------------------------- */

typedef struct pair {
    crun_hub *hub;
    crun_chan *there;
    crun_chan *back;
    long *sum;
} pair;

static int serve(void *arg)
{
    pair *p = arg;
    crun_value v;
    while (crun_chan_recv(p->there, &v, CRUN_FOREVER) == 0) {
        v.as.integer *= 2;
        if (crun_chan_send(p->back, &v, CRUN_FOREVER) < 0) {
            return -1;
        }
    }
    return 0;
}

static int ask(void *arg)
{
    pair *p = arg;
    for (int i = 1; i <= ROUNDS; i++) {
        crun_value v = {.type = CRUN_INTEGER, .as.integer = i};
        if (crun_chan_send(p->there, &v, CRUN_FOREVER) < 0 ||
            crun_chan_recv(p->back, &v, CRUN_FOREVER) < 0) {
            return -1;
        }
        *p->sum += (long)v.as.integer;
        if (i % 50 == 0) {
            crun_sleep_until(p->hub, crun_deadline(p->hub, 0.001));
        }
    }
    crun_chan_close(p->there);
    return 0;
}

static bool start_pair(pair *p, crun_hub *hub, long *sum)
{
    *p = (pair){.hub = hub, .sum = sum};
    return crun_chan_new(&p->there, 0) == 0 && crun_chan_new(&p->back, 1) == 0 &&
           crun_spawn(hub, serve, p, NULL, NULL) == 0 && crun_spawn(hub, ask, p, NULL, NULL) == 0;
}

/* Checks belong to one thread: a hub's thread returns its sum, or -1. */
static long work_in_a_hub(void)
{
    long sum = 0;
    crun_hub *hub;
    pair pairs[PAIRS];
    if (crun_hub_new(&hub, NULL) != 0) {
        return -1;
    }
    for (int i = 0; i < PAIRS; i++) {
        if (!start_pair(&pairs[i], hub, &sum)) {
            return -1;
        }
    }
    int rc = crun_hub_run(hub);
    for (int i = 0; i < PAIRS; i++) {
        crun_chan_release(pairs[i].there);
        crun_chan_release(pairs[i].back);
    }
    crun_hub_free(hub);
    return rc == 0 && !crun_hub_current() ? sum : -1;
}

static void *hub_thread(void *sum)
{
    for (int i = 0; i < 3; i++) {
        *(long *)sum = work_in_a_hub();
    }
    return NULL;
}

TEST(hubs_in_several_threads_work_at_the_same_time)
{
    pthread_t threads[HUBS];
    long sums[HUBS] = {0};
    for (int i = 0; i < HUBS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, hub_thread, &sums[i]) == 0);
    }
    CHECK_EQ_INT(work_in_a_hub(), (long)PAIRS * ROUNDS * (ROUNDS + 1));
    for (int i = 0; i < HUBS; i++) {
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
        CHECK_EQ_INT(sums[i], (long)PAIRS * ROUNDS * (ROUNDS + 1));
    }
}

/* --- posts from other threads ------------------------------------------------------------- */

static crun_hub *hub;
static crun_chan *chan;

static void open_hub(void)
{
    if (crun_hub_new(&hub, NULL) != 0 || crun_chan_new(&chan, CRUN_UNBOUNDED) != 0) {
        abort();
    }
}

static void close_hub(void)
{
    crun_chan_release(chan);
    crun_hub_free(hub);
}

static void receive_post(void *number)
{
    crun_value v = {.type = CRUN_INTEGER, .as.integer = (intptr_t)number};
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
}

static void *post_numbers(void *poster)
{
    bool *ok = poster;
    *ok = true;
    for (intptr_t i = 0; i < POSTS; i++) {
        *ok = *ok && crun_hub_post(hub, receive_post, (void *)i) == 0;
    }
    return NULL;
}

static int yield_for_ever(void *arg)
{
    (void)arg;
    while (crun_yield(hub) == 0) {
    }
    return 0;
}

static void receive_all(int count)
{
    int64_t sum = 0;
    for (int i = 0; i < count; i++) {
        crun_value v;
        REQUIRE(crun_chan_recv(chan, &v, CRUN_FOREVER) == 0);
        sum += v.as.integer;
    }
    CHECK_EQ_INT(sum, (int64_t)POSTERS * POSTS * (POSTS - 1) / 2);
    CHECK_EQ_INT(crun_chan_count(chan), 0);
}

static void check_posts(void)
{
    pthread_t threads[POSTERS];
    bool ok[POSTERS];
    crun_hub_hold(hub);
    for (int i = 0; i < POSTERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, post_numbers, &ok[i]) == 0);
    }
    receive_all(POSTERS * POSTS);
    crun_hub_release(hub);
    for (int i = 0; i < POSTERS; i++) {
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
        CHECK(ok[i]);
    }
}

TEST(posts_from_many_threads_all_arrive)
{
    open_hub();
    check_posts();
    CHECK_EQ_INT(crun_sleep_until(hub, CRUN_FOREVER), CRUN_EDEADLK);
    close_hub();
}

TEST(posts_arrive_while_tasks_are_busy)
{
    open_hub();
    CHECK_EQ_INT(crun_spawn(hub, yield_for_ever, NULL, NULL, NULL), 0);
    check_posts();
    close_hub();
}

static int64_t last_seen;

static void see_number(void *number)
{
    CHECK_EQ_INT((intptr_t)number, last_seen + 1);
    last_seen = (intptr_t)number;
}

static void *post_in_order(void *arg)
{
    for (intptr_t i = 1; i <= POSTS; i++) {
        (void)crun_hub_post(hub, see_number, (void *)i);
    }
    return arg;
}

TEST(posts_of_one_thread_keep_their_order)
{
    pthread_t thread;
    open_hub();
    last_seen = 0;
    REQUIRE(pthread_create(&thread, NULL, post_in_order, NULL) == 0);
    while (last_seen < POSTS && test_state.checks_failed == 0) {
        CHECK_EQ_INT(crun_sleep_until(hub, crun_deadline(hub, 0.001)), 0);
    }
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    close_hub();
}

/* --- wakes and holds ---------------------------------------------------------------------- */

static void send_nil(void *arg)
{
    crun_value v = {.type = CRUN_NIL};
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
    (void)arg;
}

static void *wake_hub(void *arg)
{
    crun_hub_wake(hub);
    return arg;
}

TEST(a_wake_from_another_thread_ends_the_wait_of_a_held_hub)
{
    pthread_t thread;
    crun_value v;
    open_hub();
    crun_hub_on_wake(hub, send_nil, NULL);
    crun_hub_hold(hub);
    crun_hub_hold(hub);
    for (int i = 0; i < 50; i++) {
        REQUIRE(pthread_create(&thread, NULL, wake_hub, NULL) == 0);
        CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), 0);
        CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    }
    crun_hub_release(hub);
    crun_hub_release(hub);
    CHECK_EQ_INT(crun_chan_recv(chan, &v, CRUN_FOREVER), CRUN_EDEADLK);
    close_hub();
}

TEST_MAIN
