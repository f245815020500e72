/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/socket.h>

#include "stream_impl.h"

enum {
    /* The most to hand over in one call: libuv's results are ints. */
    AT_ONCE = 1 << 30,
    /* Writes in a row that need not wait, before one that does: about 100 microseconds. */
    WRITES_IN_A_ROW = 64
};

/*
 * A copy that libuv holds until the socket takes it: so a writer may leave at any time. Large data
 * is not copied whole, since the next bytes go to the system directly once it takes any again.
 */
typedef struct crun__slice {
    uv_write_t request;
    crun_stream *stream;
    char data[];
} crun__slice;

enum { SLICE = CRUN__BLOCK - sizeof(crun__slice) };

static void leave(crun_stream *s)
{
    s->out = NULL;
    s->out_size = 0;
}

static void wake_writer(crun_stream *s, int result)
{
    crun__wake(s->writers.first, result);
}

static void abort_write(crun_wait *wait)
{
    leave(wait->object);
}

static void describe_write(const crun_wait *wait, char *text, size_t size)
{
    crun__stream_describe(wait->object, "writing to", text, size);
}

static const crun_wait_type write_type = {
    .verb = "writing to a stream",
    .queue_offset = offsetof(crun_stream, writers),
    .abort = abort_write,
    .describe = describe_write,
};

static void wait(crun_stream *s, crun_task *task)
{
    crun__wait_begin(task, &write_type, s);
}

static void advance(crun_stream *s, size_t size)
{
    s->out += size;
    s->out_size -= size;
}

static void on_written(uv_write_t *request, int status);

/* Hands a copy of the next bytes to libuv. Returns: 0 or a code. */
static int queue_slice(crun_stream *s)
{
    crun__slice *slice = (crun__slice *)(void *)crun__block_get(crun__hub_blocks());
    if (!slice)
        return CRUN_ENOMEM;
    size_t size = s->out_size < SLICE ? s->out_size : SLICE;
    memcpy(slice->data, s->out, size);
    slice->stream = s;
    uv_buf_t buffer = {slice->data, size};
    s->hub->writing = true;
    int rc = uv_write(&slice->request, &s->uv.stream, &buffer, 1, on_written);
    s->hub->writing = false;
    if (rc < 0) {
        crun__block_put(crun__hub_blocks(), (char *)slice);
        return rc;
    }
    s->slice = slice;
    advance(s, size);
    return 0;
}

/* For a socket a call of its own: it costs less than a write, and raises no signal. */
static int try_send(const crun_stream *s, const char *data, size_t size)
{
    ssize_t rc;
    do
        rc = send(s->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return (int)rc;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : uv_translate_sys_error(errno);
}

/* Nothing is queued. Returns: how many of the bytes the system took at once, or a code. */
static int try_write(crun_stream *s, const char *data, size_t size)
{
    if (s->fd >= 0)
        return try_send(s, data, size < AT_ONCE ? size : AT_ONCE);
    uv_buf_t buffer = {(char *)data, size < AT_ONCE ? size : AT_ONCE};
    s->hub->writing = true;
    int rc = uv_try_write(&s->uv.stream, &buffer, 1);
    s->hub->writing = false;
    return rc == UV_EAGAIN ? 0 : rc;
}

/* Returns: 1 everything is written, 0 the socket is full and libuv has a slice, or a code. */
static int pump(crun_stream *s)
{
    while (s->out_size > 0) {
        int rc = try_write(s, s->out, s->out_size);
        if (rc <= 0)
            return rc < 0 ? rc : queue_slice(s);
        advance(s, (size_t)rc);
    }
    return 1;
}

/* What begin does when the system has not taken everything at once. Returns as begin. */
static int write_rest(crun_stream *s, crun_task *task, const char *data, size_t size)
{
    s->out = data;
    s->out_size = size;
    int rc = s->slice ? 0 : queue_slice(s);
    if (rc == 0)
        wait(s, task);
    else
        leave(s);
    return rc;
}

static void on_written(uv_write_t *request, int status)
{
    crun__slice *slice = (crun__slice *)request;
    crun_stream *s = slice->stream;
    s->slice = NULL;
    crun__block_put(crun__hub_blocks(), (char *)slice);
    if (s->closed)
        return;
    int rc = status < 0 ? status : pump(s);
    if (rc < 0) {
        s->broken = true;
        s->breakage = rc;
    }
    if (rc == 0 || crun__waitq_empty(&s->writers))
        return;
    leave(s);
    wake_writer(s, 0);
}

int crun__write_begin(crun_stream *s, crun_task *task, const void *data, size_t size)
{
    if (s->closed)
        return CRUN_ECLOSED;
    if (!crun__waitq_empty(&s->writers))
        return CRUN_EBUSY;
    if (s->broken)
        return s->breakage;
    if (size == 0)
        return 1;
    size_t done = 0;
    if (!s->slice && !crun__streak_over(crun__hub, WRITES_IN_A_ROW)) {
        int rc = try_write(s, data, size);
        if (rc < 0)
            return rc;
        done = (size_t)rc;
    }
    return done == size ? 1 : write_rest(s, task, (const char *)data + done, size - done);
}

int crun__write_finish(const crun_stream *s)
{
    return s->broken ? s->breakage : 1;
}

void crun__write_close(crun_stream *s)
{
    if (crun__waitq_empty(&s->writers))
        return;
    leave(s);
    wake_writer(s, CRUN_ECLOSED);
}

int crun__shutdown_begin(crun_stream *s, crun_task *task)
{
    if (s->closed)
        return CRUN_ECLOSED;
    if (!crun__waitq_empty(&s->writers))
        return CRUN_EBUSY;
    if (s->slice) {
        wait(s, task);
        return 0;
    }
    if (s->broken)
        return s->breakage;
    uv_os_fd_t fd;
    int rc = uv_fileno(&s->uv.handle, &fd);
    if (rc < 0)
        return rc;
    if (shutdown(fd, SHUT_WR) == 0)
        return 1;
    if (errno != ENOTSOCK)
        return uv_translate_sys_error(errno);
    /* A pipe has no other direction that could stay open. */
    crun_stream_close(s);
    return 1;
}

int crun_stream_write(crun_stream *s, const void *data, size_t size, crun_time deadline)
{
    crun_task *self = s->hub->current;
    int rc = crun__write_begin(s, self, data, size);
    if (rc == 0) {
        rc = crun__wait_park(self, deadline);
        rc = rc < 0 ? rc : crun__write_finish(s);
    }
    return rc < 0 ? rc : 0;
}

int crun_stream_shutdown(crun_stream *s, crun_time deadline)
{
    crun_task *self = s->hub->current;
    int rc;
    while ((rc = crun__shutdown_begin(s, self)) == 0)
        if ((rc = crun__wait_park(self, deadline)) < 0)
            break;
    return rc < 0 ? rc : 0;
}
