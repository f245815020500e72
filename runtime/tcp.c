/* SPDX-License-Identifier: MIT */
#include "tcp.h"

#include <stdlib.h>
#include <unistd.h>

#include "address.h"

int crun__tcp_new(crun_hub *hub, crun_stream **out)
{
    crun_stream *s = crun__stream_alloc(hub);
    if (!s)
        return CRUN_ENOMEM;
    int rc = uv_tcp_init(&hub->loop->uv, &s->uv.tcp);
    if (rc < 0) {
        free(s);
        return rc;
    }
    crun__stream_opened(s);
    *out = s;
    return 0;
}

int crun__tcp_ready(crun_stream *s, const crun_tcp_options *options)
{
    int rc = uv_fileno(&s->uv.handle, &s->fd);
    if (rc == 0 && options->nodelay)
        rc = uv_tcp_nodelay(&s->uv.tcp, 1);
    if (rc == 0 && options->keepalive > 0)
        rc = uv_tcp_keepalive(&s->uv.tcp, 1, options->keepalive);
    return rc;
}

int crun__tcp_adopt(crun_hub *hub, int fd, const crun_tcp_options *options, crun_stream **out)
{
    crun_stream *s;
    int rc = crun__tcp_new(hub, &s);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    rc = uv_tcp_open(&s->uv.tcp, fd);
    if (rc < 0)
        close(fd);
    else
        rc = crun__tcp_ready(s, options);
    if (rc < 0) {
        crun_stream_release(s);
        return rc;
    }
    *out = s;
    return 0;
}

typedef int name_fn(const uv_tcp_t *handle, struct sockaddr *name, int *size);

static int usable(const crun_stream *s)
{
    if (s->closed)
        return CRUN_ECLOSED;
    return crun__stream_is_tcp(s) ? 0 : CRUN_ENOTSUP;
}

static int name(const crun_stream *s, name_fn *get, crun_address *out)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    int rc = usable(s);
    if (rc < 0)
        return rc;
    rc = get(&s->uv.tcp, (struct sockaddr *)&address, &size);
    return rc < 0 ? rc : crun__address_format((struct sockaddr *)&address, out);
}

int crun_stream_peername(const crun_stream *s, crun_address *out)
{
    return name(s, uv_tcp_getpeername, out);
}

int crun_stream_sockname(const crun_stream *s, crun_address *out)
{
    return name(s, uv_tcp_getsockname, out);
}

int crun_stream_nodelay(crun_stream *s, bool on)
{
    int rc = usable(s);
    return rc < 0 ? rc : uv_tcp_nodelay(&s->uv.tcp, on);
}

int crun_stream_keepalive(crun_stream *s, unsigned seconds)
{
    int rc = usable(s);
    return rc < 0 ? rc : uv_tcp_keepalive(&s->uv.tcp, seconds > 0, seconds);
}
