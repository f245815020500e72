/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

bool crun__address_parse(const char *host, int port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    return uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0;
}

/* The scope tells on which interface a link-local address is meant. */
static void append_scope(unsigned scope, char *text, size_t size)
{
    char name[IF_NAMESIZE];
    size_t used = strlen(text);
    if (if_indextoname(scope, name))
        (void)snprintf(text + used, size - used, "%%%s", name);
    else
        (void)snprintf(text + used, size - used, "%%%u", scope);
}

static int format_ip6(const struct sockaddr_in6 *in6, crun_address *out)
{
    int rc = uv_ip6_name(in6, out->host, sizeof out->host);
    if (rc < 0)
        return rc;
    if (in6->sin6_scope_id != 0)
        append_scope(in6->sin6_scope_id, out->host, sizeof out->host);
    out->port = ntohs(in6->sin6_port);
    return 0;
}

int crun__address_format(const struct sockaddr *address, crun_address *out)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    if (address->sa_family == AF_INET6)
        return format_ip6((const struct sockaddr_in6 *)(const void *)address, out);
    if (address->sa_family != AF_INET)
        return CRUN_EINVAL;
    out->port = ntohs(in->sin_port);
    return uv_ip4_name(in, out->host, sizeof out->host);
}

void crun__address_set_port(struct sockaddr *address, int port)
{
    uint16_t n = htons((uint16_t)port);
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = n;
    else
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = n;
}

socklen_t crun__address_size(const struct sockaddr *address)
{
    return address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}
