/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_impl.h"

enum {
    PIECES = 64,       /* handed over in one call */
    CREDIT = 64 << 20, /* memory taken on a peer's word */
    /* Reads in a row for a message that is not yet whole, before other handles get their turn. */
    READS_IN_A_ROW = 16,
    /* Of the system's buffer: a large message then takes few calls and few turns of both ends. */
    BUFFER = 1 << 20
};

/* Room for the control message with as many descriptors as the system passes on at once. */
typedef union control {
    char bytes[CMSG_SPACE(253 * sizeof(int))];
    struct cmsghdr align;
} control;

static void on_poll(uv_poll_t *poll, int status, int events);
static void finish_close(crun_port *p);

static void broken(crun_port *p, const char *reason)
{
    p->expecting = p->blocked = false;
    crun__port_end_in(p, CRUN_ECLOSED, reason);
    crun__port_end_out(p, CRUN_ECLOSED);
}

/* Has libuv look for what is waited for. */
static void set_events(crun_port *p)
{
    int events = (p->expecting ? UV_READABLE : 0) | (p->blocked ? UV_WRITABLE : 0);
    if (events == p->events)
        return;
    p->events = events;
    int rc = events ? uv_poll_start(&p->poll, events, on_poll) : uv_poll_stop(&p->poll);
    if (rc < 0) {
        broken(p, crun_error_text(rc));
        p->events = 0;
    }
}

/* --- writing ------------------------------------------------------------------------------ */

/* What goes out with the next call. Descriptors are those of its first byte. */
static size_t gather(const crun__chain *chain, struct iovec *pieces, size_t *size)
{
    size_t count = 0;
    *size = 0;
    for (crun__segment *s = chain->first; s && count < PIECES; s = s->next) {
        if (s->fds && count > 0)
            break;
        pieces[count++] = (struct iovec){s->data + s->head, crun__segment_size(s)};
        *size += crun__segment_size(s);
    }
    return count;
}

static void attach_fds(struct msghdr *message, control *c, const crun__fds *fds)
{
    size_t size = fds->count * sizeof *fds->fd;
    memset(c, 0, CMSG_SPACE(size));
    message->msg_control = c;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), fds->fd, size);
}

static ssize_t send_once(int fd, struct iovec *pieces, size_t count, const crun__fds *fds)
{
    control c;
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    if (fds)
        attach_fds(&message, &c, fds);
    ssize_t rc;
    do
        rc = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* So many bytes are with the system. */
static void advance(crun_port *p, size_t size)
{
    crun__fds_free(p->out.first->fds);
    p->out.first->fds = NULL;
    while (p->out.first && size >= crun__segment_size(p->out.first)) {
        crun__segment *s = crun__chain_pop(&p->out);
        size -= crun__segment_size(s);
        crun__segment_drop(p, s);
    }
    if (p->out.first && size > 0) {
        p->out.first->head += size;
        p->out.size -= size;
    }
}

/* Returns 1: go on; 0: it takes no more now; or a code. */
static int write_some(crun_port *p)
{
    struct iovec pieces[PIECES];
    size_t size, count = gather(&p->out, pieces, &size);
    crun__fds *fds = p->out.first->fds;
    ssize_t rc = send_once(p->fd, pieces, count, fds);
    if (rc < 0 && errno == ETOOMANYREFS && fds) {
        /* The receiver sees that the message has lost them. */
        crun__fds_free(fds);
        p->out.first->fds = NULL;
        return 1;
    }
    if (rc < 0)
        return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
    advance(p, (size_t)rc);
    return (size_t)rc == size;
}

static void socket_flush(crun_port *p)
{
    int rc = 1;
    p->out_last = p->out.size;
    while (p->out.first && rc > 0)
        rc = write_some(p);
    p->blocked = rc == 0;
    if (rc < 0)
        crun__port_end_out(p, CRUN_ECLOSED);
    set_events(p);
    if (p->lingers && !p->blocked)
        finish_close(p);
    else
        crun__port_emptied(p);
}

/* --- reading ------------------------------------------------------------------------------ */

/*
 * How many bytes at the end of the segment are a message that is not yet whole; and how many it
 * will have, as far as that can be told.
 */
static size_t part(const crun__segment *s, size_t *whole)
{
    size_t at = s->head;
    crun__frame frame;
    *whole = CRUN__FRAME;
    while (s->tail - at >= CRUN__FRAME) {
        memcpy(&frame, s->data + at, CRUN__FRAME);
        if (frame.mark != CRUN__FRAME_MARK || frame.size > SIZE_MAX / 2) {
            *whole = 0;
            return 0;
        }
        *whole = CRUN__FRAME + (size_t)frame.size;
        if (s->tail - at < *whole)
            return s->tail - at;
        at += *whole;
        *whole = CRUN__FRAME;
    }
    return s->tail - at;
}

/*
 * How much room a message gets of which so many bytes are there. What it says of its size need not
 * be true: room is made for what has come, and for what is likely to come.
 */
static size_t room_for(size_t whole, size_t begun)
{
    size_t most = begun > CREDIT / 2 ? 2 * begun : CREDIT;
    if (whole < CRUN__SEGMENT_ROOM)
        return CRUN__SEGMENT_ROOM;
    return whole < most ? whole : most;
}

/* The last segment has nothing but a large message, which is to be read on where it is. */
static crun__segment *enlarge(crun_port *p, size_t room)
{
    crun__segment *old = p->in.last, **at = &p->in.first;
    while (*at != old)
        at = &(*at)->next;
    crun__segment *s = realloc(old, sizeof *s + room);
    if (!s)
        return NULL;
    s->data = crun__segment_own(s);
    s->room = room;
    return *at = p->in.last = s;
}

/* A last segment in which the message that is coming has room; or NULL. */
static crun__segment *next_segment(crun_port *p)
{
    crun__segment *old = p->in.last;
    size_t whole = 0, begun = old ? part(old, &whole) : 0;
    size_t room = room_for(whole, begun);
    if (begun > CRUN__SEGMENT && begun == old->room && old->pins == 0)
        return enlarge(p, room);
    crun__segment *s = crun__segment_new(room);
    if (!s)
        return NULL;
    if (begun > 0) {
        old->tail -= begun;
        memcpy(s->data, old->data + old->tail, begun);
        s->tail = begun;
    }
    crun__chain_push(&p->in, s);
    return s;
}

/* Notes the descriptors that came with the bytes from number `from` on. */
static bool keep_fds(crun_port *p, struct msghdr *message, uint64_t from)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned count = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        const int *fd = (const int *)(const void *)CMSG_DATA(h);
        crun__fds *fds = crun__fds_new(count);
        for (unsigned i = 0; i < count; i++) {
            if (fds)
                fds->fd[i] = fd[i];
            else
                close(fd[i]);
        }
        if (!fds)
            return false;
        fds->from = from;
        fds->to = p->received;
        *p->fds_end = fds;
        p->fds_end = &fds->next;
    }
    return true;
}

/* The end of the socket, or of our understanding. */
static void end(crun_port *p, int code)
{
    size_t whole, begun = p->in.last ? part(p->in.last, &whole) : 0;
    if (begun > 0)
        p->in.last->tail -= begun;
    if (code == 0 || code == -ECONNRESET)
        broken(p, begun ? "the other end was closed in the middle of a message"
                        : "the other end is closed");
    else
        broken(p, crun_error_text(code));
}

static ssize_t read_once(crun_port *p, crun__segment *s)
{
    control c;
    struct iovec piece = {s->data + s->tail, s->room - s->tail};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    message.msg_control = &c;
    message.msg_controllen = sizeof c;
    ssize_t rc;
    do
        rc = recvmsg(p->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return -errno;
    s->tail += (size_t)rc;
    p->received += (uint64_t)rc;
    if (message.msg_controllen > 0 && !keep_fds(p, &message, p->received - (uint64_t)rc))
        return CRUN_ENOMEM;
    return rc;
}

/* Reads what is there into one segment. */
static void read_some(crun_port *p)
{
    crun__segment *s = p->in.last;
    if (!s || s->tail == s->room)
        s = next_segment(p);
    if (!s) {
        end(p, CRUN_ENOMEM);
        return;
    }
    size_t room = s->room - s->tail;
    ssize_t rc = read_once(p, s);
    p->brimming = rc > 0 && (size_t)rc == room;
    if (rc == 0 || (rc < 0 && rc != -EAGAIN))
        end(p, (int)rc);
}

static void socket_fetch(crun_port *p)
{
    int reads = 0;
    do
        read_some(p);
    while (p->brimming && p->in_end == 0 && !crun__frame_there(p) && ++reads < READS_IN_A_ROW);
    set_events(p);
}

/* With nobody there it is read ahead until a segment is full. */
static void on_readable(crun_port *p)
{
    const crun__segment *last = p->in.last;
    if (crun__waitq_empty(&p->receivers) && last && last->tail == last->room) {
        p->expecting = false;
        set_events(p);
        return;
    }
    socket_fetch(p);
    if (p->in_end == 0 && crun__frame_there(p))
        crun__port_arrived(p);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    crun_port *p = (crun_port *)poll;
    crun__spin_heard(&p->hub->loop->spin);
    if (status < 0)
        p->events = 0; /* libuv has stopped: the socket tells of its error when it is used */
    if (p->blocked && (status < 0 || (events & UV_WRITABLE)))
        socket_flush(p);
    if (p->expecting && !p->closed && (status < 0 || (events & UV_READABLE)))
        on_readable(p);
}

/* --- as a kind of port -------------------------------------------------------------------- */

static size_t socket_underway(crun_port *p)
{
    (void)p;
    return 0;
}

static int socket_expect_mail(crun_port *p)
{
    p->expecting = true;
    set_events(p);
    return p->in_end;
}

static int socket_expect_room(crun_port *p)
{
    if (!p->blocked)
        socket_flush(p);
    if (p->out_end < 0)
        return p->out_end;
    return crun__port_has_room(p);
}

static bool socket_outside(crun_port *p)
{
    (void)p;
    return true;
}

static void on_closed(uv_handle_t *handle)
{
    crun__port_unref((crun_port *)handle);
}

static void finish_close(crun_port *p)
{
    p->lingers = false;
    crun__list_remove(&p->link);
    crun__chain_drop(p, &p->out);
    uv_close((uv_handle_t *)&p->poll, on_closed);
    close(p->fd);
    p->fd = -1;
}

static void socket_close(crun_port *p)
{
    if (p->fd < 0)
        return;
    p->expecting = false;
    if (p->out.size > 0 && p->blocked) {
        p->lingers = true;
        set_events(p);
    } else {
        finish_close(p);
    }
}

const crun__port_type crun__port_socket = {
    .flush = socket_flush,
    .underway = socket_underway,
    .fetch = socket_fetch,
    .expect_mail = socket_expect_mail,
    .expect_room = socket_expect_room,
    .outside = socket_outside,
    .close = socket_close,
};

int crun__port_share(crun_port *p)
{
    if (p->closed)
        return CRUN_ECLOSED;
    if (p->in.first && crun__segment_size(p->in.last) > 0)
        return CRUN_EBUSY;
    if (p->out.size > 0 && !p->blocked)
        socket_flush(p);
    if (p->out.size > 0)
        return CRUN_EAGAIN;
    return p->fd;
}

static void close_from_handle(uv_handle_t *handle)
{
    crun__port_abandon((crun_port *)handle);
}

int crun_port_open(crun_hub *hub, int fd, crun_port **out)
{
    crun_port *p = crun__port_new(hub, &crun__port_socket);
    int rc = p ? uv_poll_init(&hub->loop->uv, &p->poll, fd) : CRUN_ENOMEM;
    if (rc < 0) {
        if (p) {
            crun__list_remove(&p->link);
            crun__port_unref(p);
        }
        close(fd);
        return rc;
    }
    uv_unref((uv_handle_t *)&p->poll);
    crun__handle_set_close((uv_handle_t *)&p->poll, close_from_handle);
    /* Where the system grants less, or nothing, everything works all the same. */
    static const int buffer = BUFFER;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    p->fd = fd;
    p->references = 2;
    *out = p;
    return 0;
}
