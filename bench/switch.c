/* SPDX-License-Identifier: MIT */
/*
 * What a context switch and a C stack cost, without tasks, Lua or libuv.
 *
 *     cc -std=c11 -O2 -D_GNU_SOURCE -o switch bench/switch.c runtime/switch.c runtime/stack.c \
 *         runtime/switch_$(uname -m).S
 *     ./switch [stacks]
 *
 * Every time is the best of several rounds: what others do on the machine only ever adds.
 */
#include "../runtime/switch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../runtime/stack.h"

#define ROUNDS 9
#define SWITCHES 5000000L
#define NOINLINE __attribute__((noinline))

static crun__context own;
static crun__context *contexts;
static long count; // of contexts in the ring
static long left;  // switches until the round is over
static volatile long sink;

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "switch: %s failed\n", what);
        exit(1);
    }
}

/* One switch to the next of the ring, or home at the end of a round. */
static NOINLINE void step(long me)
{
    crun__context *next = --left <= 0 ? &own : &contexts[me + 1 == count ? 0 : me + 1];
    crun__context_switch(&contexts[me], next);
    sink++; /* no tail call */
}

/* Two chains of functions that differ in every return address but the last. The number is there so
 * that the compiler does not make one of two equal functions. */
#define FRAME(name, inner, n)                                                                      \
    static NOINLINE void name(long me)                                                             \
    {                                                                                              \
        inner(me);                                                                                 \
        sink += (n);                                                                               \
    }

FRAME(through_1, step, 1)
FRAME(through_2, through_1, 1)
FRAME(through_3, through_2, 1)
FRAME(through_4, through_3, 1)
FRAME(other_1, step, 2)
FRAME(other_2, other_1, 2)
FRAME(other_3, other_2, 2)
FRAME(other_4, other_3, 2)

static void directly(void *arg)
{
    for (;;) {
        step((long)(intptr_t)arg);
    }
}

static void through_five(void *arg)
{
    for (;;) {
        through_4((long)(intptr_t)arg);
    }
}

static void through_five_others(void *arg)
{
    for (;;) {
        other_4((long)(intptr_t)arg);
    }
}

/* A ring of n contexts, every second of which runs odd; prints ns per switch. */
static void measure_ring(const char *name, long n, void (*even)(void *), void (*odd)(void *))
{
    double best = 1e18;
    crun__stack *stacks = calloc((size_t)n, sizeof *stacks);
    contexts = calloc((size_t)n, sizeof *contexts);
    must(stacks != NULL && contexts != NULL, "memory");
    count = n;
    for (long i = 0; i < n; i++) {
        must(crun__stack_map(&stacks[i], 0) == 0, "mapping a stack");
        crun__context_init(&contexts[i], stacks[i].lo, stacks[i].size, i % 2 ? odd : even,
                           (void *)(intptr_t)i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        left = SWITCHES / n * n; /* so that every round ends where it began */
        crun__context_switch(&own, &contexts[0]);
        double each = (now_ns() - start) / (double)SWITCHES;
        best = each < best ? each : best;
    }
    (void)printf("%-46s %8.2f ns per switch\n", name, best);
    for (long i = 0; i < n; i++) {
        crun__context_fini(&contexts[i]);
        crun__stack_unmap(&stacks[i]);
    }
    free(contexts);
    free(stacks);
}

static long status_kb(const char *field)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    must(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            kb = strtol(line + strlen(field), NULL, 10);
        }
    }
    (void)fclose(file);
    return kb;
}

static double kb_each(const char *field, long before, long n)
{
    return (double)(status_kb(field) - before) / (double)n;
}

static void measure_stacks(long n)
{
    long guarded = 0;
    crun__stack *stacks = calloc((size_t)n, sizeof *stacks);
    must(stacks != NULL, "memory");
    memset(stacks, 0xff, (size_t)n * sizeof *stacks); /* not to be counted below */
    long rss = status_kb("VmRSS:");
    long tables = status_kb("VmPTE:");
    double start = now_ns();
    for (long i = 0; i < n; i++) {
        must(crun__stack_map(&stacks[i], 0) == 0, "mapping a stack");
        guarded += stacks[i].guarded;
    }
    double mapped = now_ns();
    for (long i = 0; i < n; i++) {
        stacks[i].lo[stacks[i].size - 1] = 1;
    }
    double touched = now_ns();
    (void)printf("%ld stacks, %ld guarded: map %.0f ns, touch %.0f ns, %.2f KB of pages and "
                 "%.2f KB of page tables each\n",
                 n, guarded, (mapped - start) / (double)n, (touched - mapped) / (double)n,
                 kb_each("VmRSS:", rss, n), kb_each("VmPTE:", tables, n));
    start = now_ns();
    for (long i = 0; i < n; i++) {
        crun__stack_unmap(&stacks[i]);
    }
    (void)printf("unmap %.0f ns each\n", (now_ns() - start) / (double)n);
    free(stacks);
}

int main(int argc, char **argv)
{
    long stacks = argc > 1 ? strtol(argv[1], NULL, 10) : 40000;
    crun__context_init_thread(&own);
    measure_ring("two contexts", 2, directly, directly);
    measure_ring("two, parked through the same five functions", 2, through_five, through_five);
    measure_ring("two, parked through different functions", 2, through_five, through_five_others);
    measure_ring("a ring of 100", 100, directly, directly);
    measure_ring("a ring of 1000", 1000, directly, directly);
    measure_stacks(stacks < 1 ? 1 : stacks);
    return 0;
}
