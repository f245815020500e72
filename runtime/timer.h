/*
 * SPDX-License-Identifier: MIT
 *
 * Deadlines: a 4-ary min-heap of (due time, node), ties in the order of insertion.
 *
 * A node is the 8 bytes that whoever has a deadline embeds: its place in the heap, so that it can
 * be taken out in O(log n), and its insertion stamp. Entries are 16 bytes, so that sifting reads
 * one cache line per level and not the nodes; the nodes' stamps are read at equal times only. Four
 * children per node halve the depth of a binary heap for the same line (Larkin, Sen and Tarjan, "A
 * back-to-basics empirical study of priority queues", 2014).
 */
#ifndef CRUN__TIMER_H
#define CRUN__TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crun/time.h>

typedef struct crun__due {
    uint32_t place; /* index in the heap + 1; 0: not in it */
    int32_t stamp;  /* order of insertion, compared modulo 2^32 */
} crun__due;

/* What is due: the deadline of a task's wait, or a timer with a callback of its own. */
enum crun__due_kind { CRUN__DUE_WAIT, CRUN__DUE_TIMER };

typedef struct crun__timer {
    crun__due due;
    void (*fire)(struct crun__timer *timer);
} crun__timer;

typedef struct crun__timer_entry {
    crun_time at;
    uintptr_t node; /* crun__due *, its kind in the lowest bit */
} crun__timer_entry;

typedef struct crun__timers {
    crun__timer_entry *entries;
    uint32_t count;
    uint32_t capacity;
    int32_t stamp;
} crun__timers;

void crun__timers_init(crun__timers *timers);
void crun__timers_fini(crun__timers *timers);

/* Returns: 0, or CRUN_ENOMEM with nothing changed. The node must not be in the heap. */
int crun__timers_add(crun__timers *timers, crun__due *due, enum crun__due_kind kind, crun_time at);

/* Takes the node out; does nothing when it is not in. */
void crun__timers_remove(crun__timers *timers, crun__due *due);

/* Takes out the first node that is due at `now`. Returns: NULL when none is. */
crun__due *crun__timers_pop(crun__timers *timers, crun_time now, enum crun__due_kind *kind);

static inline bool crun__due_set(const crun__due *due)
{
    return due->place != 0;
}

/* The earliest deadline, or CRUN_FOREVER. */
static inline crun_time crun__timers_first(const crun__timers *timers)
{
    return timers->count ? timers->entries[0].at : CRUN_FOREVER;
}

#endif
