/*
 * SPDX-License-Identifier: MIT
 *
 * Memory for one thread's many small objects, whose owner knows each one's size.
 *
 * Sizes are rounded up to 16 bytes, and up to CRUN__SLAB_LARGEST each such size has slabs of its
 * own, in which blocks lie side by side with nothing between them. Larger blocks are malloc's.
 * Slabs are cut out of segments, 64 to one, whose first page describes them; so a block's address
 * leads to its slab by arithmetic.
 *
 * A slab hands out its freed blocks first, the latest before the others, then its untouched ones
 * in the order of their addresses. A slab whose last block is freed may serve another size next.
 * It keeps its pages until crun__slabs_trim finds that nobody needed it.
 *
 * One thread may use a crun__slabs; nothing here switches. What else was possible, and
 * measurements: docs/decisions/0004.
 */
#ifndef CRUN__SLAB_H
#define CRUN__SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "list.h"

enum {
    CRUN__SLAB_UNIT = 16, /* sizes are multiples of it, addresses too */
    CRUN__SLAB_LARGEST = 1024,
    CRUN__SLAB_CLASSES = CRUN__SLAB_LARGEST / CRUN__SLAB_UNIT,
    CRUN__SLAB = 64 * 1024,
    CRUN__SLABS = 64, /* of a segment: one per bit of its `fresh` */
    CRUN__SEGMENT = CRUN__SLAB * CRUN__SLABS
};

/* Where segments come from, so that a test can run out of them. */
typedef struct crun__page_source {
    /* CRUN__SEGMENT zeroed bytes at a multiple of CRUN__SEGMENT, best at `wish`; or NULL. */
    void *(*map)(void *context, void *wish);
    void (*unmap)(void *context, void *segment);
    /* Gives pages back to the system; the addresses stay. */
    void (*drop)(void *context, void *pages, size_t size);
    void *context;
} crun__page_source;

typedef struct crun__slab crun__slab;

typedef struct crun__slabs {
    crun__slab *current[CRUN__SLAB_CLASSES + 1]; /* of each class, to allocate from; never NULL */
    crun__link partial[CRUN__SLAB_CLASSES + 1];  /* others that have room */
    crun__link spare;    /* slabs without a block that still have their pages, latest first */
    crun__link segments; /* all, and those with untouched slabs first */
    size_t spare_count;
    size_t spare_least; /* since the last trim: so many were not needed */
    size_t slab_count;  /* in use by a class */
    size_t segment_count;
    void *wish;   /* where the next segment would be best */
    void *strays; /* blocks larger than their size says: see slab.c */
    crun__page_source source;
} crun__slabs;

/* Takes no memory yet. source: NULL for the system's. */
void crun__slabs_init(crun__slabs *slabs, const crun__page_source *source);

/* Gives everything back. All blocks must have been freed. */
void crun__slabs_fini(crun__slabs *slabs);

/*
 * Allocates (block NULL), resizes or frees (nsize 0) a block of osize bytes; osize means nothing
 * when block is NULL. Returns: the block, aligned to 16 bytes; NULL after freeing, and when there
 * is no memory: then nothing has changed. Shrinking never fails. This is a lua_Alloc, and `slabs`
 * is a crun__slabs.
 */
void *crun__slabs_realloc(void *slabs, void *block, size_t osize, size_t nsize);

/*
 * Gives the system half of the slabs that were spare ever since the last call. To be called once
 * in a while: what a program needs again before the next call stays at hand.
 */
void crun__slabs_trim(crun__slabs *slabs);

#endif
