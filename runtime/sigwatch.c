/* SPDX-License-Identifier: MIT */
#include "sigwatch.h"

#include <stdlib.h>

#include "loop.h"

enum { SIGNALS = 64 };

/* Of one signal; refers to its watch until it is closed. */
typedef struct watched {
    uv_signal_t handle; /* first */
    crun__sigwatch *watch;
} watched;

struct crun__sigwatch {
    crun_waitq waiters;
    uint64_t pending;    /* bit n - 1: signal n has come */
    unsigned references; /* the owner's, and one for each open handle */
    bool closed;
    size_t count;
    watched list[];
};

static void unref(crun__sigwatch *w)
{
    if (--w->references == 0)
        free(w);
}

static void on_closed(uv_handle_t *handle)
{
    unref(((watched *)handle)->watch);
}

static void abort_wait(crun_wait *wait)
{
    (void)wait;
    crun__awaited_less();
}

static const crun_wait_type watch_type = {
    .verb = "waiting for a signal",
    .queue_offset = offsetof(crun__sigwatch, waiters),
    .abort = abort_wait,
};

static void wake(crun__sigwatch *w, int result)
{
    crun__awaited_less();
    crun__wake(w->waiters.first, result);
}

static void on_signal(uv_signal_t *handle, int number)
{
    crun__sigwatch *w = ((watched *)handle)->watch;
    w->pending |= UINT64_C(1) << (number - 1);
    if (!crun__waitq_empty(&w->waiters))
        wake(w, 0);
}

static void close_all(crun__sigwatch *w)
{
    w->closed = true;
    while (!crun__waitq_empty(&w->waiters))
        wake(w, CRUN_ECLOSED);
    for (size_t i = 0; i < w->count; i++)
        uv_close((uv_handle_t *)&w->list[i].handle, on_closed);
}

/* The loop ends first. */
static void close_from_handle(uv_handle_t *handle)
{
    crun__sigwatch *w = ((watched *)handle)->watch;
    if (!w->closed)
        close_all(w);
}

static int watch_one(crun__sigwatch *w, crun_hub *hub, int number)
{
    watched *one = &w->list[w->count];
    if (number < 1 || number > SIGNALS)
        return CRUN_EINVAL;
    int rc = uv_signal_init(&hub->loop->uv, &one->handle);
    if (rc < 0)
        return rc;
    one->watch = w;
    w->count++;
    w->references++;
    crun__handle_set_close((uv_handle_t *)&one->handle, close_from_handle);
    uv_unref((uv_handle_t *)&one->handle);
    return uv_signal_start(&one->handle, on_signal, number);
}

int crun__sigwatch_open(crun_hub *hub, const int *signals, size_t count, crun__sigwatch **out)
{
    crun__sigwatch *w = calloc(1, sizeof *w + count * sizeof *w->list);
    if (!w)
        return CRUN_ENOMEM;
    w->references = 1;
    for (size_t i = 0; i < count; i++) {
        int rc = watch_one(w, hub, signals[i]);
        if (rc < 0) {
            crun__sigwatch_close(w);
            return rc;
        }
    }
    *out = w;
    return 0;
}

void crun__sigwatch_close(crun__sigwatch *w)
{
    if (!w->closed)
        close_all(w);
    unref(w);
}

int crun__sigwatch_begin(crun__sigwatch *w, crun_task *task)
{
    if (w->pending) {
        int number = __builtin_ctzll(w->pending) + 1;
        w->pending &= w->pending - 1;
        return number;
    }
    if (w->closed)
        return CRUN_ECLOSED;
    crun__awaited_more();
    crun__wait_begin(task, &watch_type, w);
    return 0;
}
