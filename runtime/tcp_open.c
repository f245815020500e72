/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "dns.h"
#include "tcp.h"

/*
 * Connecting to, or listening on, the addresses of a host. It runs in callbacks of the hub from one
 * address to the next, and frees itself when it is over or its task has left.
 */
typedef struct crun__opening {
    uv_connect_t request; /* first */
    crun_hub *hub;
    crun_wait *wait;         /* NULL: the task has left */
    crun__opened *out;       /* NULL: dropped */
    crun_listener *listener; /* once it listens */
    crun__lookup *lookup;    /* while the host name is being looked up */
    crun_stream *stream;     /* while it is being connected */
    struct addrinfo *list;   /* the host's addresses */
    struct addrinfo *next;   /* of these, the next to try */
    struct sockaddr_storage numeric;
    bool listening;
    int code; /* of the failure that counts so far */
    int port;
    crun_tcp_options options;
    char host[];
} opening;

static void opening_free(opening *o)
{
    uv_freeaddrinfo(o->list);
    free(o);
}

/* --- the task's side ---------------------------------------------------------------------- */

static void abandon(crun_wait *wait)
{
    opening *o = wait->object;
    o->wait = NULL;
    crun__opened_drop(o->out);
    if (o->lookup) {
        crun__lookup_cancel(o->lookup);
        opening_free(o);
    } else {
        /* Its callback comes with UV_ECANCELED. */
        crun_stream_release(o->stream);
    }
}

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const opening *o = wait->object;
    if (o->lookup)
        (void)snprintf(text, size, "looking up %s", o->host);
    else
        (void)snprintf(text, size, "connecting to %s:%d", o->host, o->port);
}

static const crun_wait_type open_type = {
    .verb = "connecting",
    .queue_offset = CRUN__NO_QUEUE,
    .abort = abandon,
    .describe = describe,
};

/* Hands over what there is. */
static void deliver(opening *o, int code)
{
    *o->out = (crun__opened){NULL, code < 0 ? code : 0, o->stream, o->listener};
}

static void discard(opening *o)
{
    if (o->stream)
        crun_stream_release(o->stream);
    if (o->listener)
        crun_listener_release(o->listener);
}

static void finish(opening *o, int code)
{
    if (o->out)
        deliver(o, code);
    else
        discard(o);
    crun__wake(o->wait, 0);
    opening_free(o);
}

/* --- one address -------------------------------------------------------------------------- */

static void on_connect(uv_connect_t *request, int status);

/* Returns: 0, and on_connect will be called; or a code. */
static int connect_to(opening *o, const struct sockaddr *address)
{
    int rc = crun__tcp_new(o->hub, &o->stream);
    if (rc < 0)
        return rc;
    rc = uv_tcp_connect(&o->request, &o->stream->uv.tcp, address, on_connect);
    if (rc < 0) {
        crun_stream_release(o->stream);
        o->stream = NULL;
    }
    return rc;
}

/* Returns: 1 it listens, 0 it is being connected, or a code. */
static int try_address(opening *o, struct sockaddr *address)
{
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return UV_EAFNOSUPPORT;
    crun__address_set_port(address, o->port);
    if (!o->listening)
        return connect_to(o, address);
    int rc = crun__listener_new(o->hub, address, &o->options, &o->listener);
    return rc < 0 ? rc : 1;
}

/* That the machine has no such network tells less than what another address answered. */
static bool says_little(int code)
{
    return code == 0 || code == UV_EAFNOSUPPORT || code == UV_EADDRNOTAVAIL ||
           code == UV_ENETUNREACH || code == UV_EHOSTUNREACH;
}

static void note_failure(opening *o, int code)
{
    if (says_little(o->code))
        o->code = code;
}

/* Returns: 1 it listens, 0 one is being connected, or a code when none is left. */
static int try_next(opening *o)
{
    while (o->next) {
        struct sockaddr *address = o->next->ai_addr;
        o->next = o->next->ai_next;
        int rc = try_address(o, address);
        if (rc >= 0)
            return rc;
        note_failure(o, rc);
    }
    return o->code < 0 ? o->code : UV_EAI_NODATA;
}

static void on_connect(uv_connect_t *request, int status)
{
    opening *o = (opening *)request;
    if (!o->wait) {
        opening_free(o);
        return;
    }
    if (status == 0)
        status = crun__tcp_ready(o->stream, &o->options);
    if (status == 0) {
        finish(o, 0);
        return;
    }
    crun_stream_release(o->stream);
    o->stream = NULL;
    note_failure(o, status);
    int rc = try_next(o);
    if (rc < 0)
        finish(o, rc);
}

static void on_lookup(void *arg, int code, struct addrinfo *list)
{
    opening *o = arg;
    o->lookup = NULL;
    if (code < 0) {
        finish(o, code);
        return;
    }
    o->list = o->next = list;
    int rc = try_next(o);
    if (rc != 0)
        finish(o, rc);
}

/* --- beginning ---------------------------------------------------------------------------- */

static opening *opening_new(crun_hub *hub, const char *host, int port,
                            const crun_tcp_options *options, crun__opened *out)
{
    size_t size = strlen(host) + 1;
    opening *o = calloc(1, sizeof *o + size);
    if (!o)
        return NULL;
    o->hub = hub;
    o->port = port;
    o->options = (crun_tcp_options)CRUN_TCP_OPTIONS_INIT;
    if (options)
        memcpy(&o->options, options,
               options->size < sizeof *options ? options->size : sizeof *options);
    o->out = out;
    memcpy(o->host, host, size);
    *out = (crun__opened){.opening = o};
    return o;
}

/* Every address of the machine: IPv6's takes IPv4 connections too, where there is IPv6. */
static int try_any(opening *o)
{
    crun__address_parse("::", 0, &o->numeric);
    int rc = try_address(o, (struct sockaddr *)&o->numeric);
    if (!says_little(rc) || o->options.ipv6only)
        return rc;
    crun__address_parse("0.0.0.0", 0, &o->numeric);
    return try_address(o, (struct sockaddr *)&o->numeric);
}

/* Returns: 1 it listens, 0 it is under way, or a code. */
static int start(opening *o)
{
    if (o->listening && strcmp(o->host, "*") == 0)
        return try_any(o);
    if (crun__address_parse(o->host, 0, &o->numeric))
        return try_address(o, (struct sockaddr *)&o->numeric);
    return crun__lookup_start(&o->lookup, o->hub, o->host, on_lookup, o);
}

static int begin(opening *o, crun_task *task)
{
    int rc = start(o);
    if (rc != 0) {
        deliver(o, rc);
        opening_free(o);
        return rc;
    }
    crun__wait_begin(task, &open_type, o);
    o->wait = &task->wait;
    return 0;
}

int crun__connect_begin(crun_hub *hub, crun_task *task, const char *host, int port,
                        const crun_tcp_options *options, crun__opened *out)
{
    if (port < 1 || port > 65535 || !*host)
        return CRUN_EINVAL;
    opening *o = opening_new(hub, host, port, options, out);
    return o ? begin(o, task) : CRUN_ENOMEM;
}

int crun__listen_begin(crun_hub *hub, crun_task *task, const char *host, int port,
                       const crun_tcp_options *options, crun__opened *out)
{
    if (port < 0 || port > 65535 || !*host)
        return CRUN_EINVAL;
    opening *o = opening_new(hub, host, port, options, out);
    if (!o)
        return CRUN_ENOMEM;
    o->listening = true;
    return begin(o, task);
}

void crun__opened_drop(crun__opened *opened)
{
    if (!opened || !opened->opening)
        return;
    opened->opening->out = NULL;
    opened->opening = NULL;
}

static int wait(crun_task *task, int rc, const crun__opened *opened, crun_time deadline)
{
    if (rc != 0)
        return rc;
    rc = crun__wait_park(task, deadline);
    return rc < 0 ? rc : opened->code;
}

int crun_tcp_connect(crun_hub *hub, const char *host, int port, const crun_tcp_options *options,
                     crun_stream **out, crun_time deadline)
{
    crun__opened opened;
    int rc = crun__connect_begin(hub, hub->current, host, port, options, &opened);
    rc = wait(hub->current, rc, &opened, deadline);
    if (rc < 0)
        return rc;
    *out = opened.stream;
    return 0;
}

int crun_tcp_listen(crun_hub *hub, const char *host, int port, const crun_tcp_options *options,
                    crun_listener **out, crun_time deadline)
{
    crun__opened opened;
    int rc = crun__listen_begin(hub, hub->current, host, port, options, &opened);
    rc = wait(hub->current, rc, &opened, deadline);
    if (rc < 0)
        return rc;
    *out = opened.listener;
    return 0;
}
