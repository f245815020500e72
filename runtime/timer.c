/* SPDX-License-Identifier: MIT */
#include "timer.h"

#include <stdlib.h>

#include <crun/error.h>

enum { ARITY = 4, FIRST_CAPACITY = 64 };

static crun__due *node_of(const crun__timer_entry *e)
{
    return (crun__due *)(e->node & ~(uintptr_t)1);
}

/* Stamps wrap; two entries with equal times are never 2^31 insertions apart. */
static bool before(const crun__timer_entry *a, const crun__timer_entry *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return (int32_t)((uint32_t)node_of(a)->stamp - (uint32_t)node_of(b)->stamp) < 0;
}

static void put(crun__timers *t, uint32_t i, crun__timer_entry e)
{
    t->entries[i] = e;
    node_of(&e)->place = i + 1;
}

static void sift_up(crun__timers *t, uint32_t i, crun__timer_entry e)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / ARITY;
        if (!before(&e, &t->entries[parent]))
            break;
        put(t, i, t->entries[parent]);
        i = parent;
    }
    put(t, i, e);
}

static uint32_t least_child(const crun__timers *t, uint32_t first)
{
    uint32_t end = first + ARITY < t->count ? first + ARITY : t->count;
    uint32_t least = first;
    for (uint32_t k = first + 1; k < end; k++)
        if (before(&t->entries[k], &t->entries[least]))
            least = k;
    return least;
}

static void sift_down(crun__timers *t, uint32_t i, crun__timer_entry e)
{
    for (;;) {
        uint64_t first = (uint64_t)i * ARITY + 1;
        if (first >= t->count)
            break;
        uint32_t child = least_child(t, (uint32_t)first);
        if (!before(&t->entries[child], &e))
            break;
        put(t, i, t->entries[child]);
        i = child;
    }
    put(t, i, e);
}

static int grow(crun__timers *t)
{
    if (t->count < t->capacity)
        return 0;
    if (t->capacity > UINT32_MAX / 2 - ARITY)
        return CRUN_ENOMEM;
    uint32_t capacity = t->capacity ? t->capacity * 2 : FIRST_CAPACITY;
    crun__timer_entry *entries = realloc(t->entries, capacity * sizeof *entries);
    if (!entries)
        return CRUN_ENOMEM;
    t->entries = entries;
    t->capacity = capacity;
    return 0;
}

/* A burst's memory goes back once three quarters of it lie idle. */
static void shrink(crun__timers *t)
{
    if (t->capacity <= FIRST_CAPACITY || t->count > t->capacity / 4)
        return;
    crun__timer_entry *entries = realloc(t->entries, t->capacity / 2 * sizeof *entries);
    if (!entries)
        return;
    t->entries = entries;
    t->capacity /= 2;
}

static void take_out(crun__timers *t, uint32_t i)
{
    node_of(&t->entries[i])->place = 0;
    crun__timer_entry last = t->entries[--t->count];
    if (i < t->count) {
        if (i > 0 && before(&last, &t->entries[(i - 1) / ARITY]))
            sift_up(t, i, last);
        else
            sift_down(t, i, last);
    }
    shrink(t);
}

void crun__timers_init(crun__timers *timers)
{
    *timers = (crun__timers){NULL, 0, 0, 0};
}

void crun__timers_fini(crun__timers *timers)
{
    free(timers->entries);
    crun__timers_init(timers);
}

int crun__timers_add(crun__timers *timers, crun__due *due, enum crun__due_kind kind, crun_time at)
{
    int rc = grow(timers);
    if (rc < 0)
        return rc;
    due->stamp = timers->stamp;
    timers->stamp = (int32_t)((uint32_t)timers->stamp + 1u);
    sift_up(timers, timers->count++, (crun__timer_entry){at, (uintptr_t)due | (uintptr_t)kind});
    return 0;
}

void crun__timers_remove(crun__timers *timers, crun__due *due)
{
    if (due->place)
        take_out(timers, due->place - 1);
}

crun__due *crun__timers_pop(crun__timers *timers, crun_time now, enum crun__due_kind *kind)
{
    if (crun__timers_first(timers) > now)
        return NULL;
    crun__due *due = node_of(&timers->entries[0]);
    *kind = (enum crun__due_kind)(timers->entries[0].node & 1);
    take_out(timers, 0);
    return due;
}
