/*
 * SPDX-License-Identifier: MIT
 *
 * Values in an order that somebody else decides by comparing two of them at a time. A comparison
 * may take as long as it likes: values come and go in the meantime.
 *
 * Who is to be placed is a candidate, which belongs between two ranks. Each comparison narrows
 * them; whatever enters or leaves meanwhile moves them along. Once they meet, the candidate can be
 * inserted there at once. So a comparison that never comes back, or fails, has changed nothing.
 *
 * The values form a binary tree in their order that is a heap of random weights, too: about as deep
 * as the logarithm of their number. Each subtree knows its size, which makes the ranks.
 */
#ifndef CRUN__RANKS_H
#define CRUN__RANKS_H

#include <crun/value.h>

typedef struct crun__ranked crun__ranked;

struct crun__ranked {
    crun_value value;
    uint64_t turn; /* which of two equal values goes first */
    union {
        struct {
            crun__ranked *left, *right;
            uint32_t size, weight;
        };
        struct {
            crun__ranked *older; /* among the candidates */
            void *owner;
            const crun__ranked
                *at;            /* the value probed last; NULL: since then the tree has changed */
            uint32_t low, high; /* it belongs at one of the ranks from low to high */
            uint32_t after, before; /* what they become if it goes after, or before, that value */
        };
    };
};

typedef struct crun__ranks {
    crun__ranked *root;
    crun__ranked *candidates; /* the newest */
} crun__ranks;

/* Makes a candidate. Returns: it; NULL without memory, or beyond 2^32 values. */
crun__ranked *crun__ranks_apply(crun__ranks *ranks, void *owner, uint64_t turn);

/* The value to compare the candidate with; NULL when its rank is known. */
const crun__ranked *crun__ranks_probe(const crun__ranks *ranks, crun__ranked *candidate);

/* What came of that comparison: whether the candidate goes before. */
void crun__ranks_narrow(crun__ranked *candidate, bool before);

/* Inserts a candidate whose rank is known. */
void crun__ranks_insert(crun__ranks *ranks, crun__ranked *candidate);

/* Inserts a candidate before all others. */
void crun__ranks_insert_first(crun__ranks *ranks, crun__ranked *candidate);

/* Frees a candidate, whose value is the caller's. */
void crun__ranks_withdraw(crun__ranks *ranks, crun__ranked *candidate);

/* The newest candidate of an owner; NULL: none. */
crun__ranked *crun__ranks_candidate(const crun__ranks *ranks, const void *owner);

/* Takes the first value. There is one. */
crun_value crun__ranks_take(crun__ranks *ranks);

#endif
