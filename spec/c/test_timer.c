/* SPDX-License-Identifier: MIT */
#include "../../runtime/timer.h"
#include "random.h"
#include "test.h"

enum { NODES = 300, STEPS = 20000, MANY = 50000, TIMES = 40 };

/* What the heap must do, done in the dullest way: look at everything. */
typedef struct model {
    crun_time at[NODES];
    uint64_t added[NODES]; // 0: not in
    uint64_t next;
} model;

typedef struct bench {
    crun__timers timers;
    crun__due nodes[NODES];
    model model;
} bench;

static int model_first(const model *m)
{
    int first = -1;
    for (int i = 0; i < NODES; i++) {
        if (m->added[i] == 0) {
            continue;
        }
        if (first < 0 || m->at[i] < m->at[first] ||
            (m->at[i] == m->at[first] && m->added[i] < m->added[first])) {
            first = i;
        }
    }
    return first;
}

static size_t model_count(const model *m)
{
    size_t count = 0;
    for (int i = 0; i < NODES; i++) {
        count += m->added[i] != 0;
    }
    return count;
}

static void add(bench *b, int i, crun_time at)
{
    enum crun__due_kind kind = i % 2 ? CRUN__DUE_TIMER : CRUN__DUE_WAIT;
    CHECK_EQ_INT(crun__timers_add(&b->timers, &b->nodes[i], kind, at), 0);
    b->model.at[i] = at;
    b->model.added[i] = ++b->model.next;
}

static void take_out(bench *b, int i)
{
    crun__timers_remove(&b->timers, &b->nodes[i]);
    b->model.added[i] = 0;
}

static void pop(bench *b, crun_time now)
{
    enum crun__due_kind kind = CRUN__DUE_WAIT;
    int first = model_first(&b->model);
    crun__due *due = crun__timers_pop(&b->timers, now, &kind);
    if (first < 0 || b->model.at[first] > now) {
        CHECK_EQ_PTR(due, NULL);
        return;
    }
    CHECK_EQ_PTR(due, &b->nodes[first]);
    CHECK_EQ_INT(kind, first % 2 ? CRUN__DUE_TIMER : CRUN__DUE_WAIT);
    b->model.added[first] = 0;
}

static void step(bench *b, random_state *r)
{
    int i = (int)random_below(r, NODES);
    if (random_below(r, 4) == 0) {
        pop(b, (crun_time)random_below(r, TIMES));
    } else if (b->model.added[i] != 0) {
        take_out(b, i);
    } else {
        add(b, i, (crun_time)random_below(r, TIMES));
    }
}

static bool same(const bench *b)
{
    int first = model_first(&b->model);
    crun_time at = first < 0 ? CRUN_FOREVER : b->model.at[first];
    bool ok = CHECK_EQ_INT(crun__timers_first(&b->timers), at) &&
              CHECK_EQ_INT(b->timers.count, model_count(&b->model));
    for (int i = 0; i < NODES; i++) {
        ok = ok && CHECK_EQ_INT(crun__due_set(&b->nodes[i]), b->model.added[i] != 0);
    }
    return ok;
}

TEST(the_heap_does_what_the_model_does)
{
    static bench b;
    random_state random = 1;
    crun__timers_init(&b.timers);
    for (int i = 0; i < STEPS; i++) {
        step(&b, &random);
        REQUIRE(same(&b));
    }
    while (b.timers.count > 0 && test_state.checks_failed == 0) {
        pop(&b, TIMES);
    }
    CHECK_EQ_INT(model_count(&b.model), 0);
    crun__timers_fini(&b.timers);
}

TEST(an_empty_heap_has_nothing_due)
{
    enum crun__due_kind kind;
    crun__due node = {0, 0};
    crun__timers timers;
    crun__timers_init(&timers);
    CHECK_EQ_INT(crun__timers_first(&timers), CRUN_FOREVER);
    CHECK_EQ_PTR(crun__timers_pop(&timers, INT64_MAX - 1, &kind), NULL);
    crun__timers_remove(&timers, &node);
    CHECK_EQ_INT(timers.count, 0);
    crun__timers_fini(&timers);
}

static void check_ties(int32_t stamp)
{
    enum { TIES = 100 };
    crun__due nodes[TIES];
    enum crun__due_kind kind;
    crun__timers timers;
    crun__timers_init(&timers);
    timers.stamp = stamp;
    for (int i = 0; i < TIES; i++) {
        nodes[i] = (crun__due){0, 0};
        CHECK_EQ_INT(crun__timers_add(&timers, &nodes[i], CRUN__DUE_WAIT, 7), 0);
    }
    for (int i = 0; i < TIES; i++) {
        CHECK_EQ_PTR(crun__timers_pop(&timers, 7, &kind), &nodes[i]);
    }
    crun__timers_fini(&timers);
}

TEST(ties_leave_in_the_order_of_insertion)
{
    check_ties(0);
}

TEST(ties_leave_in_order_where_the_stamps_wrap)
{
    check_ties(INT32_MAX - 50);
    check_ties(-50);
}

TEST(removing_from_the_middle_keeps_the_rest_in_order)
{
    enum { COUNT = 64 };
    crun__due nodes[COUNT];
    for (int out = 0; out < COUNT; out++) {
        enum crun__due_kind kind;
        crun__timers timers;
        crun__timers_init(&timers);
        for (int i = 0; i < COUNT; i++) {
            nodes[i] = (crun__due){0, 0};
            crun__timers_add(&timers, &nodes[i], CRUN__DUE_WAIT, (i * 37) % COUNT);
        }
        crun__timers_remove(&timers, &nodes[out]);
        crun__timers_remove(&timers, &nodes[out]);
        CHECK(!crun__due_set(&nodes[out]));
        for (int at = 0; at < COUNT; at++) {
            crun__due *due = crun__timers_pop(&timers, at, &kind);
            CHECK((due == NULL) == (at == out * 37 % COUNT));
        }
        crun__timers_fini(&timers);
    }
}

TEST(a_pop_takes_nothing_before_its_time)
{
    enum crun__due_kind kind;
    crun__due node = {0, 0};
    crun__timers timers;
    crun__timers_init(&timers);
    REQUIRE(crun__timers_add(&timers, &node, CRUN__DUE_TIMER, 10) == 0);
    CHECK_EQ_PTR(crun__timers_pop(&timers, 9, &kind), NULL);
    CHECK(crun__due_set(&node));
    CHECK_EQ_PTR(crun__timers_pop(&timers, 10, &kind), &node);
    CHECK(!crun__due_set(&node));
    crun__timers_fini(&timers);
}

TEST(times_may_be_negative_and_huge)
{
    const crun_time times[] = {INT64_MAX - 1, INT64_MIN, 0, -1, 1};
    const int order[] = {1, 3, 2, 4, 0};
    enum crun__due_kind kind;
    crun__due nodes[5] = {{0, 0}};
    crun__timers timers;
    crun__timers_init(&timers);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(crun__timers_add(&timers, &nodes[i], CRUN__DUE_WAIT, times[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_PTR(crun__timers_pop(&timers, INT64_MAX - 1, &kind), &nodes[order[i]]);
    }
    crun__timers_fini(&timers);
}

TEST(a_burst_grows_the_heap_and_gives_its_memory_back)
{
    enum crun__due_kind kind;
    crun__timers timers;
    random_state random = 2;
    crun__due *nodes = calloc(MANY, sizeof *nodes);
    REQUIRE(nodes != NULL);
    crun__timers_init(&timers);
    for (int i = 0; i < MANY; i++) {
        crun_time at = (crun_time)random_below(&random, 1000000);
        CHECK_EQ_INT(crun__timers_add(&timers, &nodes[i], CRUN__DUE_WAIT, at), 0);
    }
    uint32_t peak = timers.capacity;
    CHECK(peak >= MANY);
    crun_time last = -1;
    for (int i = 0; i < MANY; i++) {
        crun_time first = crun__timers_first(&timers);
        CHECK(first >= last);
        last = first;
        CHECK(crun__timers_pop(&timers, first, &kind) != NULL);
    }
    CHECK(timers.capacity < peak / 100);
    crun__timers_fini(&timers);
    free(nodes);
}

TEST_MAIN
