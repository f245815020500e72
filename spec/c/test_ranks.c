/* SPDX-License-Identifier: MIT */
#include "../../runtime/ranks.h"

#include <stdlib.h>

#include "random.h"
#include "test.h"

/* A value is a number; equal numbers go by their turns. */
static bool goes_before(const crun__ranked *a, const crun__ranked *b)
{
    if (a->value.as.integer != b->value.as.integer) {
        return a->value.as.integer < b->value.as.integer;
    }
    return a->turn < b->turn;
}

static crun__ranked *apply(crun__ranks *ranks, int64_t number, uint64_t turn)
{
    crun__ranked *candidate = crun__ranks_apply(ranks, NULL, turn);
    if (!candidate) {
        abort();
    }
    candidate->value = (crun_value){.type = CRUN_INTEGER, .as.integer = number};
    return candidate;
}

/* One comparison, with nobody coming in between. Returns: whether the rank is known by now. */
static bool step(crun__ranks *ranks, crun__ranked *candidate)
{
    const crun__ranked *probe = crun__ranks_probe(ranks, candidate);
    if (probe) {
        crun__ranks_narrow(candidate, goes_before(candidate, probe));
    }
    return !probe;
}

static int put(crun__ranks *ranks, int64_t number, uint64_t turn)
{
    crun__ranked *candidate = apply(ranks, number, turn);
    int steps = 0;
    while (!step(ranks, candidate)) {
        steps++;
    }
    crun__ranks_insert(ranks, candidate);
    return steps;
}

static int64_t take(crun__ranks *ranks)
{
    return crun__ranks_take(ranks).as.integer;
}

TEST(values_come_out_in_their_order)
{
    static const int numbers[] = {5, 3, 9, 3, 1, 9, 7};
    static const int sorted[] = {1, 3, 3, 5, 7, 9, 9};
    crun__ranks ranks = {NULL, NULL};
    for (size_t i = 0; i < 7; i++) {
        put(&ranks, numbers[i], i);
    }
    for (size_t i = 0; i < 7; i++) {
        CHECK_EQ_INT(take(&ranks), sorted[i]);
    }
    CHECK_EQ_PTR(ranks.root, NULL);
}

TEST(the_first_can_be_put_back_without_a_comparison)
{
    crun__ranks ranks = {NULL, NULL};
    put(&ranks, 1, 1);
    put(&ranks, 2, 2);
    CHECK_EQ_INT(take(&ranks), 1);
    crun__ranks_insert_first(&ranks, apply(&ranks, 1, 3));
    CHECK_EQ_INT(take(&ranks), 1);
    CHECK_EQ_INT(take(&ranks), 2);
}

TEST(comparisons_grow_with_the_logarithm)
{
    enum { COUNT = 20000 };
    crun__ranks ranks = {NULL, NULL};
    random_state random = 1;
    int64_t steps = 0, last = -1;
    for (uint64_t i = 0; i < COUNT; i++) {
        steps += put(&ranks, (int64_t)random_below(&random, 1000000), i);
    }
    CHECK(steps < (int64_t)COUNT * 20);
    for (int i = 0; i < COUNT; i++) {
        int64_t number = take(&ranks);
        CHECK(number >= last);
        last = number;
    }
    steps = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        steps += put(&ranks, (int64_t)i, i);
    }
    CHECK(steps < (int64_t)COUNT * 25);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(take(&ranks), i);
    }
}

TEST(a_candidate_that_withdraws_leaves_nothing)
{
    crun__ranks ranks = {NULL, NULL};
    int owner;
    put(&ranks, 1, 1);
    crun__ranked *older = crun__ranks_apply(&ranks, &owner, 2);
    crun__ranked *newer = crun__ranks_apply(&ranks, &owner, 3);
    CHECK_EQ_PTR(crun__ranks_candidate(&ranks, &owner), newer);
    crun__ranks_withdraw(&ranks, newer);
    CHECK_EQ_PTR(crun__ranks_candidate(&ranks, &owner), older);
    CHECK_EQ_PTR(crun__ranks_candidate(&ranks, &ranks), NULL);
    crun__ranks_withdraw(&ranks, older);
    CHECK_EQ_PTR(ranks.candidates, NULL);
    CHECK_EQ_INT(take(&ranks), 1);
}

/* --- comparisons that take long ----------------------------------------------------------- */

enum { CANDIDATES = 6, MODEL = 64 };

typedef struct play {
    crun__ranks ranks;
    random_state random;
    crun__ranked *candidates[CANDIDATES];
    const crun__ranked *probes[CANDIDATES]; /* being compared */
    bool answers[CANDIDATES];
    const crun__ranked *model[MODEL]; /* what is inside, in order */
    size_t count;
    uint64_t turn;
} play;

static void model_insert(play *p, const crun__ranked *new)
{
    size_t at = 0;
    while (at < p->count && goes_before(p->model[at], new)) {
        at++;
    }
    for (size_t i = p->count++; i > at; i--) {
        p->model[i] = p->model[i - 1];
    }
    p->model[at] = new;
}

/* The answer is found while the probe is there, and told at a later step, when it may be gone. */
static void advance(play *p, size_t i)
{
    crun__ranked *candidate = p->candidates[i];
    if (!candidate) {
        p->candidates[i] = apply(&p->ranks, (int64_t)random_below(&p->random, 8), ++p->turn);
        return;
    }
    if (p->probes[i]) {
        crun__ranks_narrow(candidate, p->answers[i]);
        p->probes[i] = NULL;
        return;
    }
    p->probes[i] = crun__ranks_probe(&p->ranks, candidate);
    if (p->probes[i]) {
        p->answers[i] = goes_before(candidate, p->probes[i]);
        return;
    }
    crun__ranks_insert(&p->ranks, candidate);
    model_insert(p, candidate);
    p->candidates[i] = NULL;
}

static void take_one(play *p)
{
    int64_t expected = p->model[0]->value.as.integer;
    p->count--;
    for (size_t i = 0; i < p->count; i++) {
        p->model[i] = p->model[i + 1];
    }
    CHECK_EQ_INT(take(&p->ranks), expected);
}

static void give_up(play *p, size_t i)
{
    if (p->candidates[i]) {
        crun__ranks_withdraw(&p->ranks, p->candidates[i]);
    }
    p->candidates[i] = NULL;
    p->probes[i] = NULL;
}

TEST(whoever_comes_and_goes_meanwhile_the_order_is_kept)
{
    for (random_state seed = 1; seed <= 300; seed++) {
        play p = {.random = seed};
        for (int steps = 0; steps < 400; steps++) {
            size_t i = random_below(&p.random, CANDIDATES);
            uint64_t what = random_below(&p.random, 20);
            if (what == 0) {
                give_up(&p, i);
            } else if (p.count > 0 && (what < 4 || p.count == MODEL - 1)) {
                take_one(&p);
            } else {
                advance(&p, i);
            }
        }
        for (size_t i = 0; i < CANDIDATES; i++) {
            give_up(&p, i);
        }
        while (p.count > 0) {
            take_one(&p);
        }
        CHECK_EQ_PTR(p.ranks.root, NULL);
    }
}

TEST_MAIN
