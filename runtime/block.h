/*
 * SPDX-License-Identifier: MIT
 *
 * The hub's blocks of memory for I/O, and the bytes that wait in a stream.
 *
 * Every read of the hub goes into one shared block, so that an idle connection holds no buffer. Few
 * bytes are copied on into the stream's own small buffer; many stay where they are: the stream
 * takes the block, and the hub another one.
 */
#ifndef CRUN__BLOCK_H
#define CRUN__BLOCK_H

#include <stdbool.h>
#include <stddef.h>

enum { CRUN__BLOCK = 65536, CRUN__BLOCKS_SPARE = 4 };

typedef struct crun__blocks {
    char *shared; /* NULL: taken, and not yet replaced */
    char *spare[CRUN__BLOCKS_SPARE];
    unsigned count;
} crun__blocks;

void crun__blocks_fini(crun__blocks *blocks);

/* A block of CRUN__BLOCK bytes, or NULL. */
char *crun__block_get(crun__blocks *blocks);
void crun__block_put(crun__blocks *blocks, char *block);

/* The shared block, to be filled and emptied before anything else uses it; or NULL. */
static inline char *crun__block_shared(crun__blocks *blocks)
{
    if (!blocks->shared)
        blocks->shared = crun__block_get(blocks);
    return blocks->shared;
}

/* Bytes first come, first served: data[head] to data[tail - 1]. */
typedef struct crun__inbuf {
    char *data;
    size_t capacity;
    size_t head;
    size_t tail;
} crun__inbuf;

static inline size_t crun__inbuf_size(const crun__inbuf *in)
{
    return in->tail - in->head;
}

/* Makes room for `size` bytes at the tail. Returns: whether there is memory for them. */
bool crun__inbuf_reserve(crun__inbuf *in, crun__blocks *blocks, size_t size);

/* Appends a copy of the shared block's first bytes. Returns: whether there is memory for them. */
bool crun__inbuf_copy(crun__inbuf *in, crun__blocks *blocks, size_t size);

/* Takes the shared block over with its first `size` bytes. The buffer is empty. */
void crun__inbuf_take(crun__inbuf *in, crun__blocks *blocks, size_t size);

/* Gives the memory back once all is read, unless it is too little to matter. */
void crun__inbuf_drained(crun__inbuf *in, crun__blocks *blocks);

/* Gives all memory back. */
void crun__inbuf_fini(crun__inbuf *in, crun__blocks *blocks);

static inline void crun__inbuf_consume(crun__inbuf *in, crun__blocks *blocks, size_t size)
{
    in->head += size;
    if (in->head == in->tail)
        crun__inbuf_drained(in, blocks);
}

#endif
