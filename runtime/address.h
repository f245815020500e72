/*
 * SPDX-License-Identifier: MIT
 *
 * Socket addresses from and to text.
 */
#ifndef CRUN__ADDRESS_H
#define CRUN__ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include <crun/stream.h>

/* Whether the host is a numeric address; out receives it, with the port. */
bool crun__address_parse(const char *host, int port, struct sockaddr_storage *out);

/* IPv4 or IPv6; CRUN_EINVAL for any other family. */
int crun__address_format(const struct sockaddr *address, crun_address *out);

void crun__address_set_port(struct sockaddr *address, int port);
socklen_t crun__address_size(const struct sockaddr *address);

#endif
