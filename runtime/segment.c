/* SPDX-License-Identifier: MIT */
#include "segment.h"

#include <stdlib.h>
#include <unistd.h>

crun__fds *crun__fds_new(unsigned count)
{
    crun__fds *fds = malloc(sizeof *fds + count * sizeof *fds->fd);
    if (!fds)
        return NULL;
    *fds = (crun__fds){.count = count};
    for (unsigned i = 0; i < count; i++)
        fds->fd[i] = -1;
    return fds;
}

void crun__fds_free(crun__fds *fds)
{
    for (unsigned i = 0; fds && i < fds->count; i++)
        if (fds->fd[i] >= 0)
            close(fds->fd[i]);
    free(fds);
}

crun__segment *crun__segment_new(size_t room)
{
    if (room > SIZE_MAX - sizeof(crun__segment))
        return NULL;
    crun__segment *s = malloc(sizeof *s + room);
    if (s)
        *s = (crun__segment){.data = crun__segment_own(s), .room = room};
    return s;
}

crun__segment *crun__segment_of(const char *data, size_t size)
{
    crun__segment *s = malloc(sizeof *s);
    if (s)
        *s = (crun__segment){.data = (char *)data, .room = size, .tail = size};
    return s;
}

void crun__segment_free(crun__segment *s)
{
    crun__fds_free(s->fds);
    free(s);
}

crun__segment *crun__chain_pop(crun__chain *chain)
{
    crun__segment *s = chain->first;
    chain->first = s->next;
    if (!chain->first)
        chain->last = NULL;
    chain->size -= crun__segment_size(s);
    return s;
}

void crun__chain_join(crun__chain *chain, crun__chain *more)
{
    if (!more->first)
        return;
    if (chain->last)
        chain->last->next = more->first;
    else
        chain->first = more->first;
    chain->last = more->last;
    chain->size += more->size;
    *more = (crun__chain){NULL, NULL, 0};
}

void crun__chain_free(crun__chain *chain, void (*drop)(void *arg, void *owner), void *arg)
{
    while (chain->first) {
        crun__segment *s = crun__chain_pop(chain);
        if (s->owner)
            drop(arg, s->owner);
        crun__segment_free(s);
    }
}
