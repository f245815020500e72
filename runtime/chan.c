/* SPDX-License-Identifier: MIT */
#include "chan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"

enum { FIRST_SIZE = 8 };

/* A C task waits by stack, so its value can lie there: the runner knows where. */
static crun_value *cell(crun_wait *wait)
{
    return crun__task_of_wait(wait)->runner->cell;
}

static void give(crun_wait *wait, const crun_value *value)
{
    *cell(wait) = *value;
}

static void take(crun_wait *wait, crun_value *value)
{
    *value = *cell(wait);
}

static const crun_wait_type recv_type = {
    .verb = "recv",
    .queue_offset = offsetof(crun_chan, getters),
    .give = give,
};

static const crun_wait_type send_type = {
    .verb = "send",
    .queue_offset = offsetof(crun_chan, putters),
    .take = take,
};

void crun__chan_init(crun_chan *chan, size_t capacity)
{
    *chan = (crun_chan){.capacity = capacity, .references = 1};
}

void crun__chan_fini(crun_chan *chan)
{
    crun_value value;
    while (crun__chan_inside(chan) > 0) {
        crun__chan_take(chan, &value);
        crun_value_clear(&value);
    }
    while (chan->ranks.candidates)
        crun__ranks_withdraw(&chan->ranks, chan->ranks.candidates);
    free(chan->ring);
    chan->ring = NULL;
}

/* Unrolls the old ring into the new one, oldest value first. */
static void copy_ring(const crun_chan *chan, crun_value *to)
{
    for (size_t i = 0; i < chan->count; i++)
        to[i] = chan->ring[(chan->head + i) & chan->mask];
}

int crun__chan_grow(crun_chan *chan)
{
    size_t size = chan->ring ? (chan->mask + 1) * 2 : FIRST_SIZE;
    if (size > SIZE_MAX / 2 / sizeof(crun_value))
        return CRUN_ENOMEM;
    crun_value *ring = malloc(size * sizeof *ring);
    if (!ring)
        return CRUN_ENOMEM;
    if (chan->ring)
        copy_ring(chan, ring);
    free(chan->ring);
    chan->ring = ring;
    chan->mask = size - 1;
    chan->head = 0;
    return 0;
}

void crun__chan_give(crun_chan *chan, const crun_value *value)
{
    crun_wait *getter = chan->getters.first;
    getter->type->give(getter, value);
    crun__wake(getter, 0);
}

/* The room it needs has just become free, or the capacity is 0 and it goes straight on. */
static void take_from_putter(crun_chan *chan, crun_value *out)
{
    crun_wait *putter = chan->putters.first;
    putter->type->take(putter, out);
    chan->unfinished++;
    crun__wake(putter, 0);
}

void crun__chan_take_and_fill(crun_chan *chan, crun_value *out)
{
    if (chan->count == 0) {
        take_from_putter(chan, out);
        return;
    }
    *out = chan->ring[chan->head++ & chan->mask];
    chan->count--;
    if (crun__chan_full(chan)) /* a value that was put back had no place of its own */
        return;
    crun_value value;
    take_from_putter(chan, &value);
    crun__chan_store(chan, &value);
}

/* --- taking, by order ---------------------------------------------------------------------- */

uint64_t crun__chan_promise(crun_chan *chan)
{
    chan->count++;
    chan->promised++;
    chan->unfinished++;
    return ++chan->turns;
}

/* A wait's result has room for as many bits of the turn as are needed to tell it from others. */
static void place_is_free(crun_chan *chan)
{
    chan->count--;
    if (!crun__waitq_empty(&chan->putters) && chan->count < chan->capacity)
        crun__wake(chan->putters.first, (int)(crun__chan_promise(chan) & INT_MAX));
}

static void take_last(crun_chan *chan, crun_value *out)
{
    *out = chan->ring[(chan->head + --chan->count) & chan->mask];
    if (crun__waitq_empty(&chan->putters) || crun__chan_full(chan))
        return;
    crun_value value;
    take_from_putter(chan, &value);
    crun__chan_store(chan, &value);
}

void crun__chan_take(crun_chan *chan, crun_value *out)
{
    if (chan->order == CRUN__FIFO) {
        crun__chan_take_fifo(chan, out);
    } else if (chan->order == CRUN__LIFO) {
        take_last(chan, out);
    } else {
        *out = crun__ranks_take(&chan->ranks);
        place_is_free(chan);
    }
}

int crun__chan_return(crun_chan *chan, const crun_value *value)
{
    if (chan->order == CRUN__RANKED) {
        crun__ranked *candidate = crun__ranks_apply(&chan->ranks, NULL, ++chan->turns);
        if (!candidate)
            return CRUN_ENOMEM;
        candidate->value = *value;
        crun__ranks_insert_first(&chan->ranks, candidate);
        chan->count++;
        return 0;
    }
    int rc = crun__chan_prepare(chan);
    if (rc < 0)
        return rc;
    if (chan->order == CRUN__LIFO) {
        crun__chan_store(chan, value);
    } else {
        chan->ring[--chan->head & chan->mask] = *value;
        chan->count++;
    }
    return 0;
}

/* --- ranked ------------------------------------------------------------------------------- */

uint64_t crun__chan_promised_turn(const crun_chan *chan, int result)
{
    return chan->turns - ((chan->turns - (uint64_t)result) & INT_MAX);
}

void crun__chan_forfeit(crun_chan *chan)
{
    chan->promised--;
    place_is_free(chan);
    (void)crun__chan_task_done(chan); /* it has counted as unfinished since it got its place */
}

void crun__chan_enter(crun_chan *chan, crun__ranked *candidate)
{
    chan->promised--;
    crun__ranks_insert(&chan->ranks, candidate);
}

/* --- the rest ----------------------------------------------------------------------------- */

void crun__chan_close(crun_chan *chan)
{
    if (chan->closed)
        return;
    chan->closed = true;
    crun__wake_all(&chan->putters, CRUN_ECLOSED);
    crun__wake_all(&chan->getters, CRUN_ECLOSED);
}

int crun__chan_task_done(crun_chan *chan)
{
    if (chan->unfinished == 0)
        return CRUN_EINVAL;
    if (--chan->unfinished == 0)
        crun__wake_all(&chan->joiners, 0);
    return 0;
}

int crun_chan_new(crun_chan **out, size_t capacity)
{
    crun_chan *chan = malloc(sizeof *chan);
    if (!chan)
        return CRUN_ENOMEM;
    crun__chan_init(chan, capacity);
    *out = chan;
    return 0;
}

crun_chan *crun_chan_retain(crun_chan *chan)
{
    chan->references++;
    return chan;
}

void crun_chan_release(crun_chan *chan)
{
    if (--chan->references > 0)
        return;
    crun__chan_fini(chan);
    free(chan);
}

static int park(crun_chan *chan, const crun_wait_type *type, crun_value *value, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    self->runner->cell = value;
    crun__wait_begin(self, type, chan);
    return crun__wait_park(self, deadline);
}

int crun_chan_send(crun_chan *chan, const crun_value *value, crun_time deadline)
{
    if (chan->closed)
        return CRUN_ECLOSED;
    if (!crun__waitq_empty(&chan->getters)) {
        chan->unfinished++;
        crun__chan_give(chan, value);
        /* Without room it is sent once it has been received; with nothing to wait on, it is. */
        if (chan->capacity == 0 && deadline != CRUN_NOWAIT)
            (void)crun__give_way(crun__hub);
        return 0;
    }
    if (crun__chan_full(chan)) {
        crun_value cell_value = *value;
        return park(chan, &send_type, &cell_value, deadline);
    }
    int rc = crun__chan_prepare(chan);
    if (rc < 0)
        return rc;
    chan->unfinished++;
    crun__chan_store(chan, value);
    return 0;
}

int crun_chan_recv(crun_chan *chan, crun_value *out, crun_time deadline)
{
    if (crun__chan_can_get_fifo(chan)) {
        crun__chan_take_fifo(chan, out);
        return 0;
    }
    if (chan->closed)
        return CRUN_ECLOSED;
    crun_value value = {.type = CRUN_NIL};
    int rc = park(chan, &recv_type, &value, deadline);
    if (rc == 0)
        *out = value;
    return rc;
}

void crun_chan_close(crun_chan *chan)
{
    crun__chan_close(chan);
}

bool crun_chan_closed(const crun_chan *chan)
{
    return chan->closed;
}

size_t crun_chan_count(const crun_chan *chan)
{
    return chan->count;
}

size_t crun_chan_capacity(const crun_chan *chan)
{
    return chan->capacity;
}
