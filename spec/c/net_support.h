/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_NET_SUPPORT_H
#define CRUN_SPEC_NET_SUPPORT_H

/* Connections on the loopback interface, and tasks that use them. */

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <crun/stream.h>

#include "hub_support.h"

/* --- a pair of connected streams ---------------------------------------------------------- */

typedef struct pair {
    crun_stream *client;
    crun_stream *server;
} pair;

static inline crun_listener *open_listener(int *port)
{
    crun_listener *listener = NULL;
    crun_address name;
    if (crun_tcp_listen(hub, "127.0.0.1", 0, NULL, &listener, CRUN_FOREVER) != 0 ||
        crun_listener_sockname(listener, &name) != 0)
        abort();
    *port = name.port;
    return listener;
}

static inline pair open_pair(void)
{
    int port;
    pair p = {NULL, NULL};
    crun_listener *listener = open_listener(&port);
    CHECK_EQ_INT(crun_tcp_connect(hub, "127.0.0.1", port, NULL, &p.client, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_listener_accept(listener, &p.server, CRUN_FOREVER), 0);
    crun_listener_release(listener);
    return p;
}

static inline void close_pair(pair *p)
{
    crun_stream_release(p->client);
    crun_stream_release(p->server);
}

/* --- tasks -------------------------------------------------------------------------------- */

typedef struct job {
    crun_stream *stream;
    crun_listener *listener;
    size_t size;
    crun_time deadline;
    ptrdiff_t result;
    bool ran;
} job;

static inline int read_once(void *arg)
{
    job *j = arg;
    char byte;
    j->result = crun_stream_read(j->stream, &byte, 1, j->deadline);
    j->ran = true;
    return j->result == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

static inline int write_zeros(void *arg)
{
    job *j = arg;
    char *data = calloc(1, j->size);
    j->result = crun_stream_write(j->stream, data, j->size, j->deadline);
    j->ran = true;
    free(data);
    return j->result == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

static inline int accept_once(void *arg)
{
    job *j = arg;
    crun_stream *stream;
    j->result = crun_listener_accept(j->listener, &stream, j->deadline);
    j->ran = true;
    if (j->result == 0)
        crun_stream_release(stream);
    return j->result == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

/* A task that has had its first turn. */
static inline crun_task *launch(crun_task_fn *fn, void *arg)
{
    crun_task *task = start(fn, arg);
    crun_yield(hub);
    return task;
}

static inline void end(crun_task *task)
{
    CHECK_EQ_INT(crun_task_join(task, in_ms(5000)), 0);
    crun_task_release(task);
}

/* More than any socket buffers here. */
enum { PLENTY = 64 << 20 };

#endif
