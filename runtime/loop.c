/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub.h"
#include "port_impl.h"
#include "sanitizer.h"

#if CRUN__TSAN
/*
 * libuv closes descriptors in a way that ThreadSanitizer does not see. So it takes the next use of
 * the number, by another thread's hub, for a race with the last: where it is made, or, for those
 * that it does not see being made (pidfd_open), with the last use while the loop was closed.
 */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "race:epoll_create1\nrace:eventfd\nrace:pipe2\nrace:^socket$\nrace:socketpair\n"
           "race:accept4\nrace:^uv_walk$\n";
}
#endif

static void on_timer(uv_timer_t *timer)
{
    /* libuv may run it before it polls; without the stop that poll would have no timeout left. */
    uv_stop(timer->loop);
}

static void on_bell(uv_poll_t *bell, int status, int events)
{
    (void)status, (void)events;
    uint64_t rings;
    while (read(crun__container_of(bell, crun__loop, bell)->bell_fd, &rings, sizeof rings) < 0)
        if (errno != EINTR)
            break; /* it is silent already */
}

/*
 * libuv has a handle for this (uv_async_t), whose receiver may have to spin until the sender's
 * call of the system is over: that takes longer than all the rest. And a hub that does not sleep
 * needs no bell.
 */
static int open_bell(crun__loop *loop)
{
    loop->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->bell_fd < 0)
        return uv_translate_sys_error(errno);
    int rc = uv_poll_init(&loop->uv, &loop->bell, loop->bell_fd);
    if (rc == 0)
        rc = uv_poll_start(&loop->bell, UV_READABLE, on_bell);
    if (rc == 0)
        uv_unref((uv_handle_t *)&loop->bell);
    return rc;
}

/*
 * With its first stream libuv opens a descriptor that it keeps until the loop's end. Doing it now
 * keeps the number of open descriptors explicable; when it fails now, it will be tried again then.
 */
static void open_reserve(crun__loop *loop)
{
    uv_tcp_t tcp;
    if (uv_tcp_init(&loop->uv, &tcp) < 0)
        return;
    uv_close((uv_handle_t *)&tcp, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static int open_handles(crun__loop *loop)
{
    open_reserve(loop);
    int rc = uv_timer_init(&loop->uv, &loop->timer);
    if (rc < 0)
        return rc;
    return open_bell(loop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    crun__handle_close *close = (crun__handle_close *)handle->data;
    if (uv_is_closing(handle))
        return;
    if (close)
        close(handle);
    else
        uv_close(handle, NULL);
}

/* A loop whose handles are open cannot be closed, and would keep its descriptors. */
static void close_all(crun__loop *loop)
{
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    if (loop->bell_fd >= 0)
        close(loop->bell_fd);
}

/*
 * A program may be started without some of its standard descriptors. What is opened then must not
 * get their numbers: it would be the output of whoever prints, and libuv does not close it.
 */
static int occupy_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return -errno;
    }
    return 0;
}

/* libuv leaves the descriptor open of a loop that it cannot make for want of further ones. */
static int init_uv(uv_loop_t *uv)
{
    int rc = uv_loop_init(uv);
    if (rc < 0 && uv_backend_fd(uv) > STDERR_FILENO)
        (void)close(uv_backend_fd(uv));
    return rc;
}

int crun__loop_new(crun__loop **out)
{
    crun__loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return CRUN_ENOMEM;
    loop->last = &loop->first;
    loop->bell_fd = -1;
    int rc = occupy_standard_fds();
    if (rc < 0)
        goto no_mutex;
    rc = uv_mutex_init(&loop->lock);
    if (rc < 0)
        goto no_mutex;
    rc = init_uv(&loop->uv);
    if (rc < 0)
        goto no_loop;
    rc = open_handles(loop);
    if (rc < 0)
        goto no_handles;
    *out = loop;
    return 0;

no_handles:
    close_all(loop);
no_loop:
    uv_mutex_destroy(&loop->lock);
no_mutex:
    free(loop);
    return rc;
}

void crun__loop_free(crun__loop *loop)
{
    crun__ports_close(loop);
    crun__loop_inbox(loop);
    close_all(loop);
    crun__ports_free(loop);
    uv_mutex_destroy(&loop->lock);
    crun__blocks_fini(&loop->blocks);
    free(loop);
}

bool crun__loop_alive(const crun__loop *loop)
{
    return loop->awaited > 0 || uv_loop_alive(&loop->uv);
}

struct count {
    crun__loop *loop;
    size_t handles;
};

static void count_handle(uv_handle_t *handle, void *arg)
{
    struct count *c = arg;
    c->handles += handle != (uv_handle_t *)&c->loop->timer &&
                  handle != (uv_handle_t *)&c->loop->bell && !crun__ports_own(c->loop, handle) &&
                  !uv_is_closing(handle);
}

size_t crun__loop_handles(crun__loop *loop)
{
    struct count c = {loop, 0};
    uv_walk(&loop->uv, count_handle, &c);
    return c.handles;
}

/* libuv waits in whole milliseconds: round up, so as not to wake early and poll again. */
static uint64_t milliseconds(crun_time ns)
{
    return (uint64_t)ns / 1000000 + ((uint64_t)ns % 1000000 != 0);
}

static void wait(crun__loop *loop, crun_time ns)
{
    if (ns != CRUN_FOREVER) {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->timer, on_timer, milliseconds(ns), 0);
    }
    crun_time since = loop->spin.used ? crun__clock_monotonic() : 0;
    loop->spin.heard = false;
    atomic_store(&loop->sleeping, true);
    uv_run(&loop->uv, atomic_load(&loop->woken) ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
    uv_timer_stop(&loop->timer);
    if (loop->spin.used)
        crun__spin_slept(&loop->spin, crun__clock_monotonic() - since);
}

/* The bell counts meanwhile: it may be all that is waited for, or all that libuv counts. */
void crun__loop_poll(crun__loop *loop, crun_time ns)
{
    uv_ref((uv_handle_t *)&loop->bell);
    if (ns <= 0)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    else
        wait(loop, ns);
    uv_unref((uv_handle_t *)&loop->bell);
}

static crun__post *take_all(crun__loop *loop)
{
    uv_mutex_lock(&loop->lock);
    crun__post *first = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    uv_mutex_unlock(&loop->lock);
    return first;
}

void crun__loop_inbox(crun__loop *loop)
{
    if (!crun__loop_woken(loop) || !atomic_exchange(&loop->woken, false))
        return;
    if (loop->on_wake)
        loop->on_wake(loop->on_wake_arg);
    for (crun__post *p = take_all(loop), *next; p; p = next) {
        bool kept = p->kept;
        next = p->next;
        p->fn(p->arg);
        if (!kept)
            free(p);
    }
}

/* Safe in a signal handler, whose interrupted code may be about to look at errno. */
void crun_hub_wake(crun_hub *hub)
{
    static const uint64_t ring = 1;
    crun__loop *loop = hub->loop;
    atomic_store(&loop->woken, true);
    if (!atomic_load(&loop->sleeping) || !atomic_exchange(&loop->sleeping, false))
        return;
    int error = errno;
    while (write(loop->bell_fd, &ring, sizeof ring) < 0)
        if (errno != EINTR)
            break; /* it rings already */
    errno = error;
}

void crun_hub_on_wake(crun_hub *hub, void (*fn)(void *arg), void *arg)
{
    hub->loop->on_wake = fn;
    hub->loop->on_wake_arg = arg;
}

crun__post *crun__post_new(void (*fn)(void *arg), void *arg)
{
    crun__post *p = malloc(sizeof *p);
    if (p)
        *p = (crun__post){NULL, fn, arg, false};
    return p;
}

void crun__loop_post(crun_hub *hub, crun__post *p)
{
    crun__loop *loop = hub->loop;
    p->next = NULL;
    uv_mutex_lock(&loop->lock);
    *loop->last = p;
    loop->last = &p->next;
    uv_mutex_unlock(&loop->lock);
    crun_hub_wake(hub);
}

int crun_hub_post(crun_hub *hub, void (*fn)(void *arg), void *arg)
{
    crun__post *p = crun__post_new(fn, arg);
    if (!p)
        return CRUN_ENOMEM;
    crun__loop_post(hub, p);
    return 0;
}
