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

/* Takes one link out of a list that is not empty. */
crun__link *crun__policy_pick(crun__policy *policy, crun__link *ready);

#endif
