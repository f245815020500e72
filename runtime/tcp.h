/*
 * SPDX-License-Identifier: MIT
 *
 * TCP connections as a kind of stream, and the sockets that listen for them.
 */
#ifndef CRUN__TCP_H
#define CRUN__TCP_H

#include <sys/socket.h>

#include "stream_impl.h"

/* Returns: 0 and a stream that is not connected yet, or a code. */
int crun__tcp_new(crun_hub *hub, crun_stream **out);

/* Returns: 0 and a stream for an accepted connection; or a code. The descriptor is taken over. */
int crun__tcp_adopt(crun_hub *hub, int fd, const crun_tcp_options *options, crun_stream **out);

/* The stream is connected now: applies the options. Returns: 0 or a code. */
int crun__tcp_ready(crun_stream *stream, const crun_tcp_options *options);

/* Returns: 0 and a listener at the address with one reference; or a code. */
int crun__listener_new(crun_hub *hub, const struct sockaddr *address,
                       const crun_tcp_options *options, crun_listener **out);

#endif
