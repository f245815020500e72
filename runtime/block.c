/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 64,
    SMALLEST = 256,
    /* What an idle stream may keep: small messages then never allocate. */
    KEPT = 1024
};

void crun__blocks_fini(crun__blocks *blocks)
{
    free(blocks->shared);
    while (blocks->count > 0)
        free(blocks->spare[--blocks->count]);
}

char *crun__block_get(crun__blocks *blocks)
{
    return blocks->count > 0 ? blocks->spare[--blocks->count] : malloc(CRUN__BLOCK);
}

void crun__block_put(crun__blocks *blocks, char *block)
{
    if (blocks->count < CRUN__BLOCKS_SPARE)
        blocks->spare[blocks->count++] = block;
    else
        free(block);
}

static void release(crun__blocks *blocks, char *data, size_t capacity)
{
    if (capacity == CRUN__BLOCK)
        crun__block_put(blocks, data);
    else
        free(data);
}

/*
 * What a stream keeps lies at the beginning of a line of the cache, and takes no more than it must.
 */
static char *allocate(crun__blocks *blocks, size_t capacity)
{
    if (capacity == CRUN__BLOCK)
        return crun__block_get(blocks);
    return capacity <= KEPT ? aligned_alloc(LINE, capacity) : malloc(capacity);
}

/* The power of two that holds `size` bytes, or 0. */
static size_t round_up(size_t size)
{
    size_t capacity = SMALLEST;
    while (capacity < size) {
        if (capacity > SIZE_MAX / 2)
            return 0;
        capacity *= 2;
    }
    return capacity;
}

/* realloc can grow what is large without copying it. */
static bool grow(crun__inbuf *in, size_t capacity)
{
    char *data = realloc(in->data, capacity);
    if (!data)
        return false;
    in->data = data;
    in->capacity = capacity;
    return true;
}

static bool move(crun__inbuf *in, crun__blocks *blocks, size_t capacity)
{
    char *data = allocate(blocks, capacity);
    if (!data)
        return false;
    size_t size = crun__inbuf_size(in);
    if (size > 0)
        memcpy(data, in->data + in->head, size);
    release(blocks, in->data, in->capacity);
    *in = (crun__inbuf){data, capacity, 0, size};
    return true;
}

bool crun__inbuf_reserve(crun__inbuf *in, crun__blocks *blocks, size_t size)
{
    size_t held = crun__inbuf_size(in);
    if (size <= in->capacity - in->tail)
        return true;
    /*
     * Closing up costs a copy of what is held; at least as much has been consumed since the last.
     */
    if (held <= in->head && held + size <= in->capacity) {
        memmove(in->data, in->data + in->head, held);
        in->head = 0;
        in->tail = held;
        return true;
    }
    size_t capacity = size > SIZE_MAX - held ? 0 : round_up(held + size);
    if (capacity == 0)
        return false;
    return in->head == 0 && held > CRUN__BLOCK ? grow(in, capacity) : move(in, blocks, capacity);
}

bool crun__inbuf_copy(crun__inbuf *in, crun__blocks *blocks, size_t size)
{
    if (!crun__inbuf_reserve(in, blocks, size))
        return false;
    memcpy(in->data + in->tail, blocks->shared, size);
    in->tail += size;
    return true;
}

void crun__inbuf_take(crun__inbuf *in, crun__blocks *blocks, size_t size)
{
    crun__inbuf_fini(in, blocks);
    *in = (crun__inbuf){blocks->shared, CRUN__BLOCK, 0, size};
    blocks->shared = NULL;
}

void crun__inbuf_drained(crun__inbuf *in, crun__blocks *blocks)
{
    in->head = in->tail = 0;
    if (in->capacity > KEPT)
        crun__inbuf_fini(in, blocks);
}

void crun__inbuf_fini(crun__inbuf *in, crun__blocks *blocks)
{
    if (in->data)
        release(blocks, in->data, in->capacity);
    *in = (crun__inbuf){NULL, 0, 0, 0};
}
