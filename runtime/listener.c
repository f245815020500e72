/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "tcp.h"

/*
 * libuv's own listening accepts ahead of the demand, and drops connections silently when no
 * descriptors are left. Here connections stay in the system's backlog until a task asks for one,
 * and it is the task that learns of failures.
 */
struct crun_listener {
    uv_poll_t poll; /* first */
    crun_hub *hub;
    int fd;
    unsigned references; /* one is the handle's */
    bool closed;
    bool polling;
    size_t waiting;
    crun_waitq acceptors;
    crun_tcp_options options;
};

/* Connections accepted in a row without waiting, before other tasks run. */
enum { ACCEPTS_IN_A_ROW = 16 };

static void unref(crun_listener *l)
{
    if (--l->references == 0)
        free(l);
}

static void on_closed(uv_handle_t *handle)
{
    unref((crun_listener *)handle);
}

static void close_from_handle(uv_handle_t *handle)
{
    crun_listener_close((crun_listener *)handle);
}

/* --- opening ------------------------------------------------------------------------------ */

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* Returns: -1 and errno when something fails. */
static int prepare(int fd, const struct sockaddr *address, const crun_tcp_options *options)
{
    int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && options->reuseport)
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && address->sa_family == AF_INET6)
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6only);
    if (rc == 0)
        rc = bind(fd, address, crun__address_size(address));
    if (rc == 0)
        rc = listen(fd, options->backlog);
    return rc;
}

static int open_socket(const struct sockaddr *address, const crun_tcp_options *options)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    if (prepare(fd, address, options) == 0)
        return fd;
    int rc = uv_translate_sys_error(errno);
    close(fd);
    return rc;
}

int crun__listener_adopt(crun_hub *hub, int fd, const crun_tcp_options *options,
                         crun_listener **out)
{
    crun_listener *l = calloc(1, sizeof *l);
    int rc = l ? uv_poll_init(&hub->loop->uv, &l->poll, fd) : CRUN_ENOMEM;
    if (rc < 0) {
        free(l);
        close(fd);
        return rc;
    }
    uv_unref((uv_handle_t *)&l->poll);
    crun__handle_set_close((uv_handle_t *)&l->poll, close_from_handle);
    l->fd = fd;
    l->hub = hub;
    l->references = 2;
    l->options = *options;
    *out = l;
    return 0;
}

int crun__listener_new(crun_hub *hub, const struct sockaddr *address,
                       const crun_tcp_options *options, crun_listener **out)
{
    int fd = open_socket(address, options);
    return fd < 0 ? fd : crun__listener_adopt(hub, fd, options, out);
}

int crun__listener_share(const crun_listener *l, crun_tcp_options *options)
{
    *options = l->options;
    return l->closed ? CRUN_ECLOSED : l->fd;
}

/* --- accepting ---------------------------------------------------------------------------- */

static void one_less(crun_listener *l)
{
    l->waiting--;
    crun__awaited_less();
}

static void abort_accept(crun_wait *wait)
{
    one_less(wait->object);
}

static void describe_accept(const crun_wait *wait, char *text, size_t size)
{
    crun_address name = {.port = 0};
    if (crun_listener_sockname(wait->object, &name) == 0)
        (void)snprintf(text, size, "accepting on %s:%d", name.host, name.port);
    else
        (void)snprintf(text, size, "accepting");
}

static const crun_wait_type accept_type = {
    .verb = "accepting",
    .queue_offset = offsetof(crun_listener, acceptors),
    .abort = abort_accept,
    .describe = describe_accept,
};

static void wake(crun_listener *l, int result)
{
    one_less(l);
    crun__wake(l->acceptors.first, result);
}

static bool is_draining(const crun_listener *l)
{
    return l->hub->loop->drain.begun;
}

/* With nobody there it stops, and not before: the acceptor is mostly back before the next look. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    crun_listener *l = (crun_listener *)poll;
    (void)status; /* accepting tells what is wrong */
    (void)events;
    if (l->waiting > 0 && !is_draining(l)) {
        wake(l, 0);
    } else {
        uv_poll_stop(poll);
        l->polling = false;
    }
}

static int wait(crun_listener *l, crun_task *task)
{
    if (!l->polling && !is_draining(l)) {
        int rc = uv_poll_start(&l->poll, UV_READABLE, on_readable);
        if (rc < 0)
            return rc;
        l->polling = true;
    }
    l->waiting++;
    crun__awaited_more();
    crun__wait_begin(task, &accept_type, l);
    return 0;
}

static int adopt(crun_listener *l, int fd, crun_stream **out)
{
    int rc = crun__tcp_adopt(l->hub, fd, &l->options, out);
    if (rc < 0)
        return rc;
    (*out)->accepted = true;
    crun__drain_more(&l->hub->loop->drain);
    return 1;
}

/* A connection that broke before it was accepted is none. Returns: 1, CRUN_EAGAIN, or a code. */
static int accept_now(crun_listener *l, crun_stream **out)
{
    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return adopt(l, fd, out);
        if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO)
            return errno == EWOULDBLOCK ? CRUN_EAGAIN : uv_translate_sys_error(errno);
    }
}

int crun__accept_finish(crun_listener *l, crun_task *task, crun_stream **out)
{
    if (l->closed)
        return CRUN_ECLOSED;
    int rc = is_draining(l) ? CRUN_EAGAIN : accept_now(l, out);
    return rc == CRUN_EAGAIN ? wait(l, task) : rc;
}

int crun__accept_begin(crun_listener *l, crun_task *task, crun_stream **out)
{
    if (l->waiting > 0 || crun__streak_over(l->hub, ACCEPTS_IN_A_ROW))
        return l->closed ? CRUN_ECLOSED : wait(l, task);
    return crun__accept_finish(l, task, out);
}

int crun_listener_accept(crun_listener *l, crun_stream **out, crun_time deadline)
{
    crun_task *self = l->hub->current;
    int rc = crun__accept_begin(l, self, out);
    while (rc == 0) {
        rc = crun__wait_park(self, deadline);
        if (rc == 0)
            rc = crun__accept_finish(l, self, out);
    }
    return rc < 0 ? rc : 0;
}

/* --- the rest of its life ----------------------------------------------------------------- */

void crun_listener_close(crun_listener *l)
{
    if (l->closed)
        return;
    l->closed = true;
    while (l->waiting > 0)
        wake(l, CRUN_ECLOSED);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    close(l->fd);
}

bool crun_listener_closed(const crun_listener *l)
{
    return l->closed;
}

crun_listener *crun_listener_retain(crun_listener *l)
{
    l->references++;
    return l;
}

void crun_listener_release(crun_listener *l)
{
    if (!l->closed && l->references == 2)
        crun_listener_close(l);
    unref(l);
}

int crun_listener_sockname(const crun_listener *l, crun_address *out)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (l->closed)
        return CRUN_ECLOSED;
    if (getsockname(l->fd, (struct sockaddr *)&address, &size) < 0)
        return uv_translate_sys_error(errno);
    return crun__address_format((struct sockaddr *)&address, out);
}
