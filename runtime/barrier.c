/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub.h"
#include "sync_impl.h"

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_barrier *barrier = wait->object;
    (void)snprintf(text, size, "%s (%zu of %zu)", wait->type->verb, barrier->arrived,
                   barrier->parties);
}

/* A wait that is given up breaks it for all others, in the order in which they came. */
static void give_up(crun_wait *wait)
{
    crun_barrier *barrier = wait->object;
    barrier->broken = true;
    while (barrier->waiters.first != wait)
        crun__wake(barrier->waiters.first, CRUN_EBROKEN);
    while (wait->link.next != &wait->link)
        crun__wake(crun__wait_of_link(wait->link.next), CRUN_EBROKEN);
}

static const crun_wait_type barrier_type = {
    .verb = "Barrier:wait",
    .queue_offset = offsetof(crun_barrier, waiters),
    .describe = describe,
    .abort = give_up,
};

void crun_barrier_init(crun_barrier *barrier, size_t parties)
{
    *barrier = (crun_barrier){.parties = parties};
}

/* Those who came while the last one was acting make up the next round, and may already fill it. */
static void admit(crun_barrier *barrier)
{
    size_t count = crun__waitq_count(&barrier->waiters);
    barrier->arrived = count;
    if (count < barrier->parties)
        return;
    crun_wait *last = barrier->waiters.first;
    for (size_t i = 1; i < barrier->parties; i++)
        last = crun__wait_of_link(last->link.next);
    barrier->acting = true;
    crun__wake(last, (int)barrier->parties);
}

static void open_round(crun_barrier *barrier)
{
    for (size_t i = 1; i < barrier->parties; i++)
        crun__wake(barrier->waiters.first, (int)i);
    barrier->arrived = 0;
    barrier->acting = false;
    barrier->round++;
    admit(barrier);
}

int crun__barrier_begin(crun_barrier *barrier, crun_task *self, bool acting)
{
    if (barrier->broken)
        return CRUN_EBROKEN;
    if (!barrier->acting && ++barrier->arrived == barrier->parties) {
        barrier->acting = acting;
        if (!acting)
            open_round(barrier);
        return (int)barrier->parties;
    }
    crun__wait_begin(self, &barrier_type, barrier);
    return 0;
}

int crun__barrier_open(crun_barrier *barrier, size_t round)
{
    if (barrier->broken || barrier->round != round)
        return CRUN_EBROKEN;
    open_round(barrier);
    return (int)barrier->parties;
}

int crun_barrier_wait(crun_barrier *barrier, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    int rc = crun__barrier_begin(barrier, self, false);
    return rc == 0 ? crun__wait_park(self, deadline) : rc;
}

void crun_barrier_abort(crun_barrier *barrier)
{
    barrier->broken = true;
    crun__wake_all(&barrier->waiters, CRUN_EBROKEN);
}

void crun_barrier_reset(crun_barrier *barrier)
{
    barrier->broken = barrier->acting = false;
    barrier->arrived = 0;
    barrier->round++;
    crun__wake_all(&barrier->waiters, CRUN_EBROKEN);
}
