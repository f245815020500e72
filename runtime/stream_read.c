/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "select.h"
#include "stream_impl.h"

enum {
    /* Beyond this nothing is read ahead, which makes the peer wait. */
    HIGH_WATER = CRUN__BLOCK,
    /* More than this is not copied out of the shared block for a reader who will fetch it soon. */
    COPIED = 4096
};

static void wake_reader(crun_stream *s, int result)
{
    crun__awaited_less();
    crun__wake(s->readers.first, result);
}

static void abort_read(crun_wait *wait)
{
    (void)wait;
    crun__awaited_less();
}

static void describe_read(const crun_wait *wait, char *text, size_t size)
{
    crun__stream_describe(wait->object, "reading from", text, size);
}

static const crun_wait_type read_type = {
    .verb = "reading from a stream",
    .queue_offset = offsetof(crun_stream, readers),
    .abort = abort_read,
    .describe = describe_read,
};

static bool find_line(crun_stream *s)
{
    size_t size = crun__inbuf_size(&s->in);
    if (!s->scanning)
        s->scanned = 0;
    s->scanning = true;
    if (s->scanned >= size)
        return false;
    const char *from = s->in.data + s->in.head + s->scanned;
    const char *found = memchr(from, '\n', size - s->scanned);
    s->scanned = found ? s->scanned + (size_t)(found - from) : size;
    return found;
}

/* The first bytes go. */
static void unscan(crun_stream *s, size_t size)
{
    s->scanning = size < s->scanned;
    s->scanned -= s->scanning ? size : 0;
}

static bool reached(crun_stream *s, const crun__goal *goal)
{
    return s->end || crun__inbuf_size(&s->in) >= goal->count || (goal->line && find_line(s));
}

/* The same for the waiting reader. */
static bool satisfied(crun_stream *s)
{
    if (s->choosy)
        return reached(s, &s->goal);
    return s->end || crun__inbuf_size(&s->in) > 0;
}

/* Whether more is wanted than is there. */
static bool hungry(crun_stream *s)
{
    if (crun__inbuf_size(&s->in) < HIGH_WATER)
        return true;
    return !crun__waitq_empty(&s->readers) && !satisfied(s);
}

/* A reader waits for many bytes in one piece: they may go where it will find them. */
static bool read_in_place(crun_stream *s, size_t *room)
{
    size_t held = crun__inbuf_size(&s->in);
    if (crun__waitq_empty(&s->readers) || !s->choosy)
        return false;
    if (s->goal.line || s->goal.count - held < CRUN__BLOCK)
        return false;
    size_t least = held > 0 ? CRUN__BLOCK / 4 : CRUN__BLOCK;
    if (!crun__inbuf_reserve(&s->in, crun__hub_blocks(), least))
        return false;
    size_t lacking = s->goal.count - held;
    *room = s->in.capacity - s->in.tail;
    if (*room > lacking)
        *room = lacking;
    return true;
}

/* Lending nothing makes libuv call on_read with UV_ENOBUFS and leave the bytes in the kernel. */
static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    crun_stream *s = crun__stream_of(handle);
    *buffer = (uv_buf_t){NULL, 0};
    if (!hungry(s))
        return;
    size_t room;
    if (read_in_place(s, &room)) {
        *buffer = (uv_buf_t){s->in.data + s->in.tail, room};
        return;
    }
    char *shared = crun__block_shared(crun__hub_blocks());
    if (shared)
        *buffer = (uv_buf_t){shared, CRUN__BLOCK};
}

static void stop(crun_stream *s)
{
    uv_read_stop(&s->uv.stream);
    s->reading = false;
}

static void fail(crun_stream *s, int code)
{
    stop(s);
    s->end = (int16_t)code;
    if (!crun__waitq_empty(&s->readers))
        wake_reader(s, 0);
}

/*
 * The first time reading goes on, since the reader is likely to be back before the next look at the
 * socket: stopping and starting costs two calls of the system.
 */
static void refuse(crun_stream *s)
{
    if (hungry(s)) {
        fail(s, CRUN_ENOMEM);
        return;
    }
    if (s->refused)
        stop(s);
    s->refused = true;
}

/* Returns: whether there is memory for the bytes that have come. */
static bool take(crun_stream *s, const uv_buf_t *buffer, size_t size)
{
    crun__blocks *blocks = crun__hub_blocks();
    if (buffer->base != blocks->shared) {
        s->in.tail += size;
        return true;
    }
    bool fetched_soon = size > COPIED && !crun__waitq_empty(&s->readers);
    if (crun__inbuf_size(&s->in) > 0 || (!fetched_soon && size < CRUN__BLOCK / 2))
        return crun__inbuf_copy(&s->in, blocks, size);
    crun__inbuf_take(&s->in, blocks, size);
    return true;
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    crun_stream *s = crun__stream_of(handle);
    if (size == 0)
        return;
    if (size == UV_ENOBUFS)
        refuse(s);
    else if (size < 0)
        fail(s, (int)size);
    else if (!take(s, buffer, (size_t)size))
        fail(s, CRUN_ENOMEM);
    else if (!crun__waitq_empty(&s->readers) && satisfied(s))
        wake_reader(s, 0);
}

static int start(crun_stream *s)
{
    if (s->reading)
        return 0;
    int rc = uv_read_start(&s->uv.stream, lend, on_read);
    s->reading = rc == 0;
    return rc;
}

/* Whoever waits from now on has a goal of one byte, unless it sets another. */
static int expect(crun_stream *s)
{
    int rc = start(s);
    if (rc < 0)
        return rc;
    s->choosy = false;
    s->refused = false;
    return 0;
}

int crun__read_begin(crun_stream *s, crun_task *task, const crun__goal *goal)
{
    if (s->closed)
        return CRUN_ECLOSED;
    if (!crun__waitq_empty(&s->readers))
        return CRUN_EBUSY;
    if (reached(s, goal))
        return 1;
    int rc = expect(s);
    if (rc < 0)
        return rc;
    s->choosy = goal->line || goal->count > 1;
    if (s->choosy)
        s->goal = *goal;
    crun__wait_begin(task, &read_type, s);
    crun__awaited_more();
    return 0;
}

/* --- in a select: to be readable is all; nothing is taken ----------------------------------- */

static int case_ready(const crun__case *c)
{
    const crun_stream *s = c->object;
    if (!crun__waitq_empty(&s->readers))
        return CRUN_EBUSY;
    return s->closed || s->end || crun__inbuf_size(&s->in) > 0;
}

static int case_take(crun__case *c)
{
    return ((const crun_stream *)c->object)->closed ? CRUN_ECLOSED : 0;
}

static int case_enter(crun__case *c)
{
    crun_stream *s = c->object;
    if (!crun__waitq_empty(&s->readers))
        return CRUN_EBUSY;
    int rc = expect(s);
    if (rc == 0)
        crun__awaited_more();
    return rc;
}

static void case_leave(crun__case *c)
{
    (void)c;
    crun__awaited_less();
}

const crun__case_type crun__case_read = {
    .wait = {.verb = "reading from a stream",
             .queue_offset = offsetof(crun_stream, readers),
             .fire = crun__case_fire,
             .describe = describe_read},
    .ready = case_ready,
    .take = case_take,
    .enter = case_enter,
    .leave = case_leave,
};

void crun__read_close(crun_stream *s)
{
    if (!crun__waitq_empty(&s->readers))
        wake_reader(s, CRUN_ECLOSED);
    crun__inbuf_fini(&s->in, crun__hub_blocks());
}

int crun__stream_share(crun_stream *s)
{
    if (s->closed)
        return CRUN_ECLOSED;
    if (!crun__waitq_empty(&s->readers) || crun__inbuf_size(&s->in) > 0)
        return CRUN_EBUSY;
    if (s->slice || !crun__waitq_empty(&s->writers))
        return CRUN_EAGAIN;
    if (s->reading)
        stop(s);
    return crun_stream_fd(s);
}

const char *crun__stream_peek(const crun_stream *s, size_t *size)
{
    *size = crun__inbuf_size(&s->in);
    return *size > 0 ? s->in.data + s->in.head : "";
}

size_t crun__stream_line(crun_stream *s)
{
    return find_line(s) ? s->scanned + 1 : 0;
}

void crun__stream_consume(crun_stream *s, size_t size)
{
    crun__inbuf_consume(&s->in, crun__hub_blocks(), size);
    if (s->scanning)
        unscan(s, size);
    s->refused = false;
}

int crun__stream_end(const crun_stream *s)
{
    return s->end == UV_EOF ? 1 : s->end;
}

ptrdiff_t crun_stream_read(crun_stream *s, void *buffer, size_t size, crun_time deadline)
{
    static const crun__goal some = {.count = 1};
    if (size == 0)
        return 0;
    crun_task *self = s->hub->current;
    int rc;
    while ((rc = crun__read_begin(s, self, &some)) == 0)
        if ((rc = crun__wait_park(self, deadline)) < 0)
            break;
    if (rc < 0)
        return rc;
    size_t held;
    const char *data = crun__stream_peek(s, &held);
    if (held == 0)
        return s->end == UV_EOF ? 0 : s->end;
    if (size > held)
        size = held;
    memcpy(buffer, data, size);
    crun__stream_consume(s, size);
    return (ptrdiff_t)size;
}
