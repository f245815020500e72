/*
 * SPDX-License-Identifier: MIT
 *
 * A stream from inside: what its parts (life, reading, writing) and its kinds (TCP) share.
 *
 * The handle refers to the stream until its close callback has run. While no task waits on a handle it
 * does not count as alive, so that an idle connection cannot hide a deadlock.
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
 * With a thousand connections none is in the nearest caches any more when its turn comes, and each line of
 * the cache costs about 15 ns: what every message needs lies together.
 */
struct crun_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
    } uv; /* first */

    _Alignas(CRUN__LINE) crun__inbuf in;
    crun__goal goal;    /* of the waiting reader */
    crun_waitq readers; /* at most one; so the writers */

    crun_hub *hub;
    size_t scanned; /* of `in`, without a line feed */
    crun_waitq writers;
    struct crun__slice *slice; /* a piece that libuv has, or NULL */
    int fd;                    /* of a connected socket; -1: not a socket, or not connected yet */
    unsigned references;
    int end;    /* what comes after the bytes in `in`: 0, UV_EOF or what reading failed with */
    int broken; /* 0, or what a write failed with that nobody waited for any more */
    bool closed;
    bool reading; /* between uv_read_start and uv_read_stop */
    bool refused; /* the last read was put off since enough is there */

    const char *out; /* of the waiting writer: what is still to be handed to the system */
    size_t out_size;
};

static inline crun_stream *crun__stream_of(void *handle)
{
    return handle;
}

static inline crun__blocks *crun__stream_blocks(const crun_stream *stream)
{
    return &stream->hub->loop->blocks;
}

/*
 * Memory for a stream, for its kind to initialise the handle in; NULL: there is none. Then
 * crun__stream_opened makes two references: the caller's, and the handle's, which ends with it. If the
 * handle cannot be initialised the memory is freed as it is.
 */
crun_stream *crun__stream_alloc(crun_hub *hub);
void crun__stream_opened(crun_stream *stream);

/* A wait on the handle begins or ends. */
static inline void crun__stream_awaited(crun_stream *stream, bool awaited)
{
    if (awaited)
        uv_ref(&stream->uv.handle);
    else
        uv_unref(&stream->uv.handle);
}

/* "reading from 127.0.0.1:80": what a task does with the stream, for people. */
void crun__stream_describe(const crun_stream *stream, const char *verb, char *text, size_t size);

/* Undo what reading, or writing, has begun: the stream is being closed. */
void crun__read_close(crun_stream *stream);
void crun__write_close(crun_stream *stream);

#endif
