/*
 * SPDX-License-Identifier: MIT
 *
 * Spinning: a hub that talks to other hubs looks again for a moment before it sleeps. Why, and how
 * much it brings: docs/decisions/0012-spinning.md.
 *
 * Two hubs that answer each other at once would spend their time on waking: 50 microseconds on a
 * virtual processor that has halted. So who was woken by a message after a short sleep looks for
 * about as long before the next one. A look in vain costs no more than such a sleep, and then
 * sleeps go by before the next look, twice as many after each failure. (Karlin, Li, Manasse,
 * Owicki: Empirical studies of competitive spinning for a shared-memory multiprocessor, 1991.)
 * A hub to which no messages come never spins.
 */
#ifndef CRUN__SPIN_H
#define CRUN__SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include <crun/hub.h>

struct crun__loop;

/* Part of a hub's loop. */
typedef struct crun__spin {
    bool used;        /* a message from outside has come, ever */
    bool heard;       /* and since the last sleep began */
    bool pays;        /* the last sleep was short, and a message ended it */
    uint8_t failures; /* looks in vain, one after another */
    uint32_t pause;   /* short sleeps that have to go by before the next look */
    uint32_t slept;   /* nanoseconds of the last short sleep */
} crun__spin;

/* A message from another hub has come, or there is room for one. */
static inline void crun__spin_heard(crun__spin *spin)
{
    spin->used = spin->heard = true;
}

/* Looks for at most `ns` whether anything happens outside. Returns whether something did. */
bool crun__spin_look(struct crun__loop *loop, crun_time ns);

/* It looked in vain. */
void crun__spin_missed(crun__spin *spin);

/* A sleep of so many nanoseconds is over. */
void crun__spin_slept(crun__spin *spin, crun_time ns);

#endif
