/*
 * SPDX-License-Identifier: MIT
 *
 * Waiting: one protocol for everything that can wait.
 *
 * A wait is registered with what it waits on (begin), then its task parks, then the operation reads
 * the result (finish). Whoever brings what it waits for wakes it; a deadline, a cancel and a close
 * are further ways to wake it. The first of them takes the wait out of the queue it stands in, so
 * it is claimed once: nobody else can find it there. A wait that leaves without what it came for is
 * told to its type (abort), which gives back whatever the waiting had taken.
 *
 * Waits stand in a crun_waitq, first come first served. Most are the one that is part of each task
 * (a task waits for one thing at a time); others watch on behalf of a task and have a type with
 * `fire`, which is called instead of waking a task.
 */
#ifndef CRUN__WAIT_H
#define CRUN__WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crun/sync.h>

#include "list.h"
#include "timer.h"

typedef struct crun_wait crun_wait;
typedef struct crun_value crun_value;

typedef struct crun_wait_type {
    const char *verb; /* what the task does, for people: "Queue:get" */
    size_t
        queue_offset; /* of the crun_waitq within the object; CRUN__NO_QUEUE: it stands in none */
    void (*abort)(crun_wait *wait); /* NULL, or called when it leaves by deadline or cancel */
    void (*describe)(const crun_wait *wait, char *text, size_t size); /* NULL: the verb says it */
    /* NULL, or which task has to do something for it first; NULL if nobody is known. */
    const crun_task *(*awaits)(const crun_wait *wait);
    void (*fire)(crun_wait *wait, int result); /* NULL: wake the task that the wait is part of */
    /*
     * Waits of channels: hand a value to who waits to receive, take the one of who waits to send.
     */
    void (*give)(crun_wait *wait, const crun_value *value);
    void (*take)(crun_wait *wait, crun_value *value);
    bool firm;  /* neither cancel nor throw ends it: the task must get what it waits for first */
    bool aside; /* for a task's end: only counts it, and takes no charge of a failure */
} crun_wait_type;

#define CRUN__NO_QUEUE SIZE_MAX

struct crun_wait {
    crun__link link;            /* in the queue it waits in, or its task in the ready queue */
    const crun_wait_type *type; /* NULL: waits for nothing */
    void *object;               /* what it waits on */
    union {
        crun__due due; /* while it waits; without a deadline the stamp is the tick it began at */
        struct {
            uint32_t unused;
            int32_t result; /* once it is woken: over the stamp, which only a set deadline needs */
        };
    };
};

/* --- queues: the waits of a crun_waitq form a ring, `first` is the oldest ------------------ */

static inline crun_wait *crun__wait_of_link(crun__link *link)
{
    return crun__container_of(link, crun_wait, link);
}

static inline void crun__waitq_init(crun_waitq *q)
{
    q->first = NULL;
}

static inline bool crun__waitq_empty(const crun_waitq *q)
{
    return !q->first;
}

static inline void crun__waitq_push(crun_waitq *q, crun_wait *w)
{
    if (!q->first) {
        w->link.next = w->link.prev = &w->link;
        q->first = w;
        return;
    }
    crun__link *first = &q->first->link, *last = first->prev;
    w->link.next = first;
    w->link.prev = last;
    first->prev = last->next = &w->link;
}

static inline void crun__waitq_remove(crun_waitq *q, crun_wait *w)
{
    crun__link *next = w->link.next, *prev = w->link.prev;
    if (next == &w->link) {
        q->first = NULL;
        return;
    }
    prev->next = next;
    next->prev = prev;
    if (q->first == w)
        q->first = crun__wait_of_link(next);
}

static inline size_t crun__waitq_count(const crun_waitq *q)
{
    size_t n = 0;
    if (q->first) {
        const crun__link *link = &q->first->link;
        do {
            n++;
            link = link->next;
        } while (link != &q->first->link);
    }
    return n;
}

/* The queue in which a wait stands. */
static inline crun_waitq *crun__wait_queue(const crun_wait *w)
{
    return (crun_waitq *)(void *)((char *)w->object + w->type->queue_offset);
}

static inline void crun__wait_unlink(crun_wait *w)
{
    if (w->type->queue_offset != CRUN__NO_QUEUE)
        crun__waitq_remove(crun__wait_queue(w), w);
}

#endif
