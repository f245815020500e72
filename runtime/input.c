/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hub.h"
#include "loop.h"

/*
 * libuv sets what it polls to non-blocking mode. That mode belongs to the open file, which for a
 * terminal is shared with the shell and other programs; so libuv gets an epoll set of ours instead,
 * in which the descriptor is the only member and which is readable when the descriptor is.
 */
typedef struct watch {
    uv_poll_t uv;
    crun_wait *wait; /* NULL once it has ended */
    int set;
} watch;

static void abandon(crun_wait *wait)
{
    ((watch *)wait->object)->wait = NULL;
}

static const crun_wait_type input_type = {
    .verb = "waiting for input",
    .queue_offset = CRUN__NO_QUEUE,
    .abort = abandon,
};

static void on_readable(uv_poll_t *uv, int status, int events)
{
    (void)events;
    watch *w = (watch *)uv;
    crun_wait *wait = w->wait;
    w->wait = NULL;
    if (wait)
        crun__wake(wait, status < 0 ? status : 0);
}

static void on_closed(uv_handle_t *handle)
{
    watch *w = (watch *)handle;
    close(w->set);
    free(w);
}

static void close_watch(watch *w)
{
    uv_close((uv_handle_t *)&w->uv, on_closed);
}

/* Returns: an epoll set with the descriptor in it; -1 when the descriptor cannot be watched. */
static int open_set(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0) {
        close(set);
        set = -1;
    }
    return set;
}

/* Takes the set over. Returns: 0, CRUN_ENOMEM, or a code of libuv's. */
static int open_watch(crun_hub *hub, int set, watch **out)
{
    watch *w = calloc(1, sizeof *w);
    int rc = w ? uv_poll_init(&hub->loop->uv, &w->uv, set) : CRUN_ENOMEM;
    if (rc < 0) {
        free(w);
        close(set);
        return rc;
    }
    w->set = set;
    rc = uv_poll_start(&w->uv, UV_READABLE, on_readable);
    if (rc < 0) {
        close_watch(w);
        return rc;
    }
    *out = w;
    return 0;
}

int crun__input_wait(crun_task *task, int fd, crun_time deadline)
{
    int set = open_set(fd);
    if (set < 0)
        return 0;
    watch *w;
    int rc = open_watch(crun__task_hub(task), set, &w);
    if (rc < 0)
        return rc;
    crun__wait_begin(task, &input_type, w);
    w->wait = &task->wait;
    rc = crun__wait_park(task, deadline);
    close_watch(w);
    return rc;
}
