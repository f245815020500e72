/*
 * SPDX-License-Identifier: MIT
 *
 * Who runs next among the ready: first in first out (no policy), or drawn from a seed, so that
 * tests meet other orders than the usual one and can repeat the one that failed.
 */
#ifndef CRUN__POLICY_H
#define CRUN__POLICY_H

#include <stdint.h>

#include "list.h"

typedef struct crun__policy {
    uint64_t state; /* of the random numbers */
} crun__policy;

void crun__policy_init(crun__policy *policy, uint64_t seed);

/*
 * A number for a choice that shall be fair; the same ones follow the same seed.
 *
 * splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
 */
static inline uint64_t crun__policy_draw(crun__policy *policy)
{
    uint64_t z = policy->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Takes one link out of a list that is not empty. */
crun__link *crun__policy_pick(crun__policy *policy, crun__link *ready);

#endif
