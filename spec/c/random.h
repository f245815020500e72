/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_RANDOM_H
#define CRUN_SPEC_RANDOM_H

/* Random numbers that are the same in every run and on every machine. */

#include <stdint.h>

typedef uint64_t random_state;

static inline uint64_t random_next(random_state *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static inline uint64_t random_below(random_state *state, uint64_t limit)
{
    return limit ? random_next(state) % limit : 0;
}

#endif
