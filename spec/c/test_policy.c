/* SPDX-License-Identifier: MIT */
#include "../../runtime/policy.h"
#include "test.h"

enum { LINKS = 40, SEEDS = 20, ROUNDS = 5000 };

typedef struct item {
    crun__link link;
    int number;
    int picked;
} item;

static void fill(crun__link *ready, item *items, int count)
{
    crun__list_init(ready);
    for (int i = 0; i < count; i++) {
        items[i] = (item){.number = i};
        crun__list_push_tail(ready, &items[i].link);
    }
}

static item *pick(crun__policy *policy, crun__link *ready)
{
    return crun__container_of(crun__policy_pick(policy, ready), item, link);
}

/* The numbers in the order in which they are drawn. */
static void draw_all(uint64_t seed, int count, int *order)
{
    crun__link ready;
    item items[LINKS];
    crun__policy policy;
    crun__policy_init(&policy, seed);
    fill(&ready, items, count);
    for (int i = 0; i < count; i++) {
        order[i] = pick(&policy, &ready)->number;
    }
    CHECK(crun__list_empty(&ready));
}

TEST(a_seed_repeats_its_order)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int first[LINKS], second[LINKS];
        draw_all(seed, LINKS, first);
        draw_all(seed, LINKS, second);
        CHECK(memcmp(first, second, sizeof first) == 0);
    }
}

TEST(seeds_differ_from_each_other_and_from_fifo)
{
    int orders[SEEDS][LINKS], fifo[LINKS];
    for (int i = 0; i < LINKS; i++) {
        fifo[i] = i;
    }
    for (int seed = 0; seed < SEEDS; seed++) {
        draw_all((uint64_t)seed + 1, LINKS, orders[seed]);
        CHECK(memcmp(orders[seed], fifo, sizeof fifo) != 0);
        for (int other = 0; other < seed; other++) {
            CHECK(memcmp(orders[seed], orders[other], sizeof fifo) != 0);
        }
    }
}

TEST(every_one_is_drawn_once)
{
    for (int count = 1; count <= LINKS; count++) {
        int order[LINKS], times[LINKS] = {0};
        draw_all((uint64_t)count, count, order);
        for (int i = 0; i < count; i++) {
            times[order[i]]++;
        }
        for (int i = 0; i < count; i++) {
            CHECK_EQ_INT(times[i], 1);
        }
    }
}

TEST(any_two_neighbours_can_change_places)
{
    bool swapped[LINKS - 1] = {false};
    for (uint64_t seed = 1; seed <= SEEDS * 10; seed++) {
        int order[LINKS], place[LINKS];
        draw_all(seed, LINKS, order);
        for (int i = 0; i < LINKS; i++) {
            place[order[i]] = i;
        }
        for (int i = 0; i + 1 < LINKS; i++) {
            swapped[i] = swapped[i] || place[i] > place[i + 1];
        }
    }
    for (int i = 0; i + 1 < LINKS; i++) {
        CHECK(swapped[i]);
    }
}

/* Those drawn go to the end again, as tasks do that yield. */
TEST(nobody_starves)
{
    crun__link ready;
    item items[LINKS];
    crun__policy policy;
    crun__policy_init(&policy, 7);
    fill(&ready, items, LINKS);
    for (int i = 0; i < ROUNDS; i++) {
        item *one = pick(&policy, &ready);
        one->picked++;
        crun__list_push_tail(&ready, &one->link);
    }
    for (int i = 0; i < LINKS; i++) {
        CHECK(items[i].picked > ROUNDS / LINKS / 4);
        CHECK(items[i].picked < ROUNDS / LINKS * 4);
    }
}

TEST_MAIN
