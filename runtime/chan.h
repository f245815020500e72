/*
 * SPDX-License-Identifier: MIT
 *
 * The channel as the bindings see it. A queue that counts unfinished work is a channel, too.
 *
 * Values of type CRUN_HOST never meet a C task: a channel of a host language has only its tasks at
 * both ends, and their wait types know how to hand such values over.
 */
#ifndef CRUN__CHAN_H
#define CRUN__CHAN_H

#include <crun/chan.h>

#include "wait.h"

struct crun_chan {
    crun_waitq getters;
    crun_waitq putters;
    crun_waitq joiners; /* who waits for the unfinished work */
    crun_value *ring;
    size_t mask; /* ring size - 1, a power of two less one; meaningless without ring */
    size_t head;
    size_t count;
    size_t capacity;
    size_t unfinished; /* values put that task_done has not been called for */
    unsigned references;
    bool closed;
    bool hosted; /* belongs to a host language, whose values may be of type CRUN_HOST */
};

void crun__chan_init(crun_chan *chan, size_t capacity);

/* Drops what is inside: host values must have been cleared by their host. */
void crun__chan_fini(crun_chan *chan);

/* Returns: 0, CRUN_ENOMEM with nothing changed. Afterwards one value fits into the ring. */
int crun__chan_grow(crun_chan *chan);

static inline bool crun__chan_full(const crun_chan *chan)
{
    return chan->count >= chan->capacity;
}

/* Whether a value can be sent without waiting. */
static inline bool crun__chan_can_put(const crun_chan *chan)
{
    return !crun__chan_full(chan) || !crun__waitq_empty(&chan->getters);
}

static inline bool crun__chan_can_get(const crun_chan *chan)
{
    return chan->count > 0 || !crun__waitq_empty(&chan->putters);
}

/* Makes room in the ring for a value that crun__chan_put will store. Returns: 0 or CRUN_ENOMEM. */
static inline int crun__chan_prepare(crun_chan *chan)
{
    return chan->ring && chan->count <= chan->mask ? 0 : crun__chan_grow(chan);
}

/* Appends to the ring, in which there is room. */
static inline void crun__chan_store(crun_chan *chan, const crun_value *value)
{
    chan->ring[(chan->head + chan->count++) & chan->mask] = *value;
}

/* Gives a value to the getter that has waited longest. */
void crun__chan_give(crun_chan *chan, const crun_value *value);

/* The same as crun__chan_take when a putter waits, whose value takes the oldest one's place. */
void crun__chan_take_and_fill(crun_chan *chan, crun_value *out);

/* Takes the oldest value; crun__chan_can_get holds. */
static inline void crun__chan_take(crun_chan *chan, crun_value *out)
{
    if (!crun__waitq_empty(&chan->putters)) {
        crun__chan_take_and_fill(chan, out);
        return;
    }
    *out = chan->ring[chan->head++ & chan->mask];
    chan->count--;
}

void crun__chan_close(crun_chan *chan);

/* One piece of work is done. Returns: 0, or CRUN_EINVAL when none is unfinished. */
int crun__chan_task_done(crun_chan *chan);

#endif
