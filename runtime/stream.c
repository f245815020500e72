/* SPDX-License-Identifier: MIT */
#include "stream_impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "select.h"

/* libuv writes without MSG_NOSIGNAL what a socket does not take at once. Whoever handles the signal
 * already knows what it means. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) < 0 || (now.sa_flags & SA_SIGINFO) ||
        now.sa_handler != SIG_DFL)
        return;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

bool crun__streak_over(crun_hub *hub, unsigned limit)
{
    crun__streak *streak = &hub->loop->streak;
    uint64_t turn = crun__hub_turn(hub);
    if (streak->turn != turn)
        *streak = (crun__streak){turn, 0};
    if (++streak->count <= limit)
        return false;
    streak->count = 0;
    return true;
}

crun_stream *crun__stream_alloc(crun_hub *hub)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ignore_sigpipe);
    crun_stream *s = aligned_alloc(_Alignof(crun_stream), sizeof *s);
    if (s)
        *s = (crun_stream){.hub = hub, .fd = -1};
    return s;
}

static void close_from_handle(uv_handle_t *handle)
{
    crun_stream_close(crun__stream_of(handle));
}

void crun__stream_opened(crun_stream *s)
{
    s->references = 2;
    crun__handle_set_close(&s->uv.handle, close_from_handle);
    uv_unref(&s->uv.handle);
}

static void unref(crun_stream *s)
{
    if (--s->references > 0)
        return;
    free(s);
}

static void on_closed(uv_handle_t *handle)
{
    unref(crun__stream_of(handle));
}

void crun_stream_close(crun_stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    if (s->accepted)
        crun__drain_less(&s->hub->loop->drain);
    crun__read_close(s);
    crun__write_close(s);
    uv_close(&s->uv.handle, on_closed);
}

bool crun_stream_closed(const crun_stream *s)
{
    return s->closed;
}

crun_stream *crun_stream_retain(crun_stream *s)
{
    s->references++;
    return s;
}

void crun_stream_release(crun_stream *s)
{
    /* The one that is left is the handle's. */
    if (!s->closed && s->references == 2)
        crun_stream_close(s);
    unref(s);
}

void crun__stream_describe(const crun_stream *s, const char *verb, char *text, size_t size)
{
    crun_address peer;
    if (crun_stream_peername(s, &peer) == 0)
        (void)snprintf(text, size, "%s %s:%d", verb, peer.host, peer.port);
    else
        (void)snprintf(text, size, "%s a stream", verb);
}

static crun_task *first(const crun_waitq *q)
{
    return crun__waitq_empty(q) ? NULL : crun__wait_owner(q->first);
}

crun_task *crun_stream_reader(const crun_stream *s)
{
    return first(&s->readers);
}

crun_task *crun_stream_writer(const crun_stream *s)
{
    return first(&s->writers);
}
