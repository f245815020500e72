/*
 * SPDX-License-Identifier: MIT
 *
 * The bytes under way in a port: a chain of segments, filled at one end and emptied at the other.
 *
 * A segment has bytes of its own, or refers to bytes elsewhere, which then has an owner that is
 * told once they are no longer needed. Descriptors that travel with a message belong to the segment
 * that starts with it.
 */
#ifndef CRUN__SEGMENT_H
#define CRUN__SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Descriptors of one message. Those that came by a socket did so with bytes number `from` to `to`,
 * among which that message starts: so they are known to be its own even if others were lost.
 */
typedef struct crun__fds {
    struct crun__fds *next;
    uint64_t from, to;
    unsigned count;
    int fd[]; /* -1: taken */
} crun__fds;

/* Room for so many, all -1; or NULL. */
crun__fds *crun__fds_new(unsigned count);

/* Closes those that were not taken. NULL: nothing to do. */
void crun__fds_free(crun__fds *fds);

typedef struct crun__segment {
    struct crun__segment *next;
    crun__fds *fds;
    char *data;
    size_t room;
    size_t head, tail; /* what is in it: data[head] to data[tail - 1] */
    void *owner;       /* of bytes elsewhere; NULL: nobody needs to be told */
    unsigned pins;     /* messages in it that are being read */
} crun__segment;

typedef struct crun__chain {
    crun__segment *first, *last;
    size_t size; /* of the bytes in all segments */
} crun__chain;

enum {
    CRUN__SEGMENT = 1 << 16, /* so many bytes are passed on at once */
    CRUN__SEGMENT_ROOM = CRUN__SEGMENT - sizeof(crun__segment)
};

static inline size_t crun__segment_size(const crun__segment *s)
{
    return s->tail - s->head;
}

static inline char *crun__segment_own(crun__segment *s)
{
    return (char *)(s + 1);
}

/* Whether its bytes are its own. */
static inline bool crun__segment_owns(crun__segment *s)
{
    return s->data == crun__segment_own(s);
}

/* An empty segment with room for so many bytes of its own; or NULL. */
crun__segment *crun__segment_new(size_t room);

/* A segment of bytes elsewhere; or NULL. */
crun__segment *crun__segment_of(const char *data, size_t size);

/* Frees it, and closes its descriptors. Its owner is not told. */
void crun__segment_free(crun__segment *s);

/* Appends a segment. */
static inline void crun__chain_push(crun__chain *chain, crun__segment *s)
{
    s->next = NULL;
    if (chain->last)
        chain->last->next = s;
    else
        chain->first = s;
    chain->last = s;
    chain->size += crun__segment_size(s);
}

/* Takes out the first segment, which is there. Its bytes no longer count. */
crun__segment *crun__chain_pop(crun__chain *chain);

/* Appends all of another chain, which is empty then. */
void crun__chain_join(crun__chain *chain, crun__chain *more);

/* Frees all segments, but what has an owner: that is told to `drop`. */
void crun__chain_free(crun__chain *chain, void (*drop)(void *arg, void *owner), void *arg);

#endif
