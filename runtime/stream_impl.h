/*
 * SPDX-License-Identifier: MIT
 *
 * A stream from inside: what its parts (life, reading, writing) and its kinds (TCP, pipes
 * and Unix sockets) share.
 *
 * The handle refers to the stream until its close callback has run. For libuv it never counts; the
 * loop counts the tasks that wait on handles, so that an idle connection cannot hide a deadlock.
 */
#ifndef CRUN__STREAM_IMPL_H
#define CRUN__STREAM_IMPL_H

#include <uv.h>

#include "block.h"
#include "hub.h"
#include "loop.h"
#include "stream.h"

/* Returns: whether `limit` operations in a row are over and it is time to step back. */
bool crun__streak_over(crun_hub *hub, unsigned limit);

enum { CRUN__LINE = 64 };

/*
 * With a thousand connections none is in the nearest caches any more when its turn comes, and each
 * line of the cache costs about 15 ns. So what a message needs from a task's side, if nothing
 * special is going on, lies in one line. The handle is touched by libuv's callbacks only.
 */
struct crun_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv; /* first */

    _Alignas(CRUN__LINE) crun__inbuf in;
    crun_waitq readers; /* at most one; so the writers */
    crun_waitq writers;
    struct crun__slice *slice; /* a piece that libuv has, or NULL */
    int fd;                    /* of a connected socket; -1: no socket, or not connected yet */
    int16_t end; /* what comes after the bytes in `in`: 0, UV_EOF or what reading failed with */
    bool closed : 1;
    bool reading : 1;  /* between uv_read_start and uv_read_stop */
    bool refused : 1;  /* the last read was put off since enough is there */
    bool choosy : 1;   /* the waiting reader's goal is more than a byte */
    bool scanning : 1; /* `scanned` is valid */
    bool broken : 1;   /* a write has failed */
    bool accepted : 1; /* by a listener, and counted in the loop's drain */

    crun_hub *hub;
    unsigned references;
    int breakage;    /* what it failed with */
    crun__goal goal; /* of the waiting reader */
    size_t scanned;  /* of `in`, without a line feed */
    const char *out; /* of the waiting writer: what is still to be handed to the system */
    size_t out_size;
};

static inline crun_stream *crun__stream_of(void *handle)
{
    return handle;
}

/* Of the thread's hub, which is the stream's. */
static inline crun__blocks *crun__hub_blocks(void)
{
    return &crun__hub->loop->blocks;
}

/*
 * Memory for a stream, for its kind to initialise the handle in; NULL: there is none. Then
 * crun__stream_opened makes two references: the caller's, and the handle's, which ends with it. If
 * the handle cannot be initialised the memory is freed as it is.
 */
crun_stream *crun__stream_alloc(crun_hub *hub);
void crun__stream_opened(crun_stream *stream);

static inline bool crun__stream_is_tcp(const crun_stream *s)
{
    return s->uv.handle.type == UV_TCP;
}

/* "reading from 127.0.0.1:80": what a task does with the stream, for people. */
void crun__stream_describe(const crun_stream *stream, const char *verb, char *text, size_t size);

/* Undo what reading, or writing, has begun: the stream is being closed. */
void crun__read_close(crun_stream *stream);
void crun__write_close(crun_stream *stream);

#endif
