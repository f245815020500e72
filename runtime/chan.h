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

#include "ranks.h"
#include "wait.h"

/* In which order values come out. */
typedef enum crun__chan_order {
    CRUN__FIFO,
    CRUN__LIFO,
    CRUN__RANKED /* hosted, and of a capacity above 0; see below */
} crun__chan_order;

struct crun_chan {
    crun_waitq getters;
    crun_waitq putters;
    crun_waitq joiners; /* who waits for the unfinished work */
    crun_value *ring;
    size_t mask; /* ring size - 1, a power of two less one; meaningless without ring */
    size_t head;
    size_t count; /* places taken */
    size_t capacity;
    size_t unfinished; /* values put that task_done has not been called for */
    unsigned references;
    bool closed;
    bool hosted; /* belongs to a host language, whose values may be of type CRUN_HOST */
    unsigned char order;
    size_t promised; /* ranked: places of values that are not inside yet */
    uint64_t turns;  /* ranked: puts that have got a place, ever */
    crun__ranks ranks;
};

/* Of order CRUN__FIFO, and nobody's but C's. */
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
    if (chan->order == CRUN__RANKED)
        return !crun__chan_full(chan) && crun__waitq_empty(&chan->putters);
    return !crun__chan_full(chan) || !crun__waitq_empty(&chan->getters);
}

/* The same for one in which it is known that values come out first in, first out. */
static inline bool crun__chan_can_get_fifo(const crun_chan *chan)
{
    return chan->count > 0 || !crun__waitq_empty(&chan->putters);
}

/* Whether a value can be taken without waiting. */
static inline bool crun__chan_can_get(const crun_chan *chan)
{
    if (chan->order == CRUN__RANKED)
        return chan->count > chan->promised;
    return crun__chan_can_get_fifo(chan);
}

/* Values inside. */
static inline size_t crun__chan_inside(const crun_chan *chan)
{
    return chan->count - chan->promised;
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

/* Takes the value whose turn it is; crun__chan_can_get holds. Who waits for a place gets one. */
void crun__chan_take(crun_chan *chan, crun_value *out);

/* The same where a putter waits, whose value takes the oldest one's place. */
void crun__chan_take_and_fill(crun_chan *chan, crun_value *out);

/* The same as crun__chan_take for CRUN__FIFO. */
static inline void crun__chan_take_fifo(crun_chan *chan, crun_value *out)
{
    if (!crun__waitq_empty(&chan->putters)) {
        crun__chan_take_and_fill(chan, out);
        return;
    }
    *out = chan->ring[chan->head++ & chan->mask];
    chan->count--;
}

/* Puts a value back that has just been taken: it comes out next. Returns: 0 or CRUN_ENOMEM. */
int crun__chan_return(crun_chan *chan, const crun_value *value);

void crun__chan_close(crun_chan *chan);

/* One piece of work is done. Returns: 0, or CRUN_EINVAL when none is unfinished. */
int crun__chan_task_done(crun_chan *chan);

/* --- ranked ------------------------------------------------------------------------------- */

/*
 * Only the host can compare two values, and that may fail, or take so long that others come and go.
 * So a put first gets a place, promised to it, and then its task finds out at which rank its value
 * belongs. For one that waits until there is a place, this begins when it is woken: nobody takes
 * its value from it. A place promised is taken as far as others are concerned, the value is not yet
 * inside.
 */

/* Promises a place. Returns: the put's turn. */
uint64_t crun__chan_promise(crun_chan *chan);

/* The turn of a put that has waited for its place; result is that of its wait. */
uint64_t crun__chan_promised_turn(const crun_chan *chan, int result);

/* The put gives its place up: it has failed, or given its value to a getter. */
void crun__chan_forfeit(crun_chan *chan);

/* The candidate, whose rank is known, goes to that rank. */
void crun__chan_enter(crun_chan *chan, crun__ranked *candidate);

#endif
