/*
 * SPDX-License-Identifier: MIT
 *
 * Tally: a number in memory that two workers share. One of them counts what has arrived there; the
 * other reads it, also when the first has been killed in the meantime.
 *
 * The memory comes from a descriptor, so that it can be sent to threads and processes alike. The
 * other end may write anything there: the number is to be checked by who reads it.
 */
#ifndef CRUN__TALLY_H
#define CRUN__TALLY_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct crun__tally {
    atomic_uint_least64_t *count; /* NULL: not open */
    int fd;                       /* -1: closed, which the memory outlives */
} crun__tally;

/* A new one at 0. Returns: 0, or a code, and it is not open. */
int crun__tally_init(crun__tally *tally);

/* The same number, by a descriptor of it, which is the tally's then, or closed. */
int crun__tally_open(crun__tally *tally, int fd);

/* Closes the descriptor: it will not be sent any more. */
void crun__tally_seal(crun__tally *tally);

/* Gives the memory back. */
void crun__tally_fini(crun__tally *tally);

static inline void crun__tally_add(crun__tally *tally)
{
    atomic_fetch_add_explicit(tally->count, 1, memory_order_release);
}

static inline uint64_t crun__tally_read(const crun__tally *tally)
{
    return atomic_load_explicit(tally->count, memory_order_acquire);
}

#endif
