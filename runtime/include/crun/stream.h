/*
 * SPDX-License-Identifier: MIT
 *
 * Streams of bytes between this program and others: TCP connections, and the listeners that accept
 * them; pipes and Unix sockets that are open already.
 *
 * Laws:
 * - One task reads a stream and one writes it at a time; another one gets CRUN_EBUSY at once.
 * - Bytes come before the end: the end of the stream, or the error that broke it, is told once all
 *   that came before it has been read.
 * - A read that fails, times out or is cancelled has taken nothing. A write that does so has sent
 * an unknown part.
 * - The system's buffers are the limit for what is under way: a write waits while they are full,
 * and at most 128 KiB are read ahead of what a task asked for.
 * - Closing never waits. Whoever waits on what is closed gets CRUN_ECLOSED.
 * - SIGPIPE: the first stream of the process sets the signal to be ignored if its disposition is
 *   SIG_DFL, so that writing to a closed connection is CRUN_EPIPE and not the process's end.
 *
 * Streams and listeners are counted. The last reference closes what is still open. All must be
 * closed before crun_hub_free.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_STREAM_H
#define CRUN_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <crun/hub.h>
#include <crun/task.h>

typedef struct crun_stream crun_stream;
typedef struct crun_listener crun_listener;

typedef struct crun_tcp_options {
    size_t size;        /* sizeof(crun_tcp_options), so that it can grow */
    bool nodelay;       /* send small pieces at once (TCP_NODELAY) */
    unsigned keepalive; /* seconds of silence after which the peer is probed; 0: never */
    int backlog;        /* listening: connections that may wait for an accept */
    bool reuseport; /* listening: several sockets share the port, the system spreads connections */
    bool ipv6only;  /* listening on IPv6: no IPv4 connections; else both, where the system can */
} crun_tcp_options;

#define CRUN_TCP_BACKLOG 1024
#define CRUN_TCP_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(crun_tcp_options), true, 0, CRUN_TCP_BACKLOG, false, false                          \
    }

/* A numeric address as text, with the scope if it has one ("fe80::1%eth0"), and the port. */
typedef struct crun_address {
    char host[64];
    int port;
} crun_address;

/*
 * Connects to a numeric address or a host name, whose addresses are tried one after the other;
 * options may be NULL. Switches: yes. Returns: 0 and the stream with one reference; CRUN_ETIMEDOUT,
 * CRUN_ECANCELED, CRUN_EINVAL (the port is not within 1 to 65535, the host is empty), CRUN_ENOMEM;
 * a code of the system's, that of the address that came nearest to success; an EAI_ code of libuv's
 * when there is no such name.
 */
CRUN_API int crun_tcp_connect(crun_hub *hub, const char *host, int port,
                              const crun_tcp_options *options, crun_stream **out,
                              crun_time deadline);

/*
 * Listens on the first address of the host that can be had. "*" stands for all addresses of the
 * machine; port 0 for any free one: see crun_listener_sockname. Switches: for a host name only.
 * Returns: as crun_tcp_connect.
 */
CRUN_API int crun_tcp_listen(crun_hub *hub, const char *host, int port,
                             const crun_tcp_options *options, crun_listener **out,
                             crun_time deadline);

/*
 * Waits for a connection; several tasks may wait, and are served in turn. Switches: may.
 * Returns: 0 and the stream with one reference; CRUN_ETIMEDOUT, CRUN_ECANCELED, CRUN_ECLOSED; a
 * code of the system's, such as EMFILE.
 */
CRUN_API int crun_listener_accept(crun_listener *listener, crun_stream **out, crun_time deadline);

/* Closing twice does nothing. */
CRUN_API void crun_listener_close(crun_listener *listener);
CRUN_API bool crun_listener_closed(const crun_listener *listener);
CRUN_API crun_listener *crun_listener_retain(crun_listener *listener);
CRUN_API void crun_listener_release(crun_listener *listener);

/* Returns: 0, CRUN_ECLOSED, or a code of the system's. */
CRUN_API int crun_listener_sockname(const crun_listener *listener, crun_address *out);

/*
 * From now on the hub's listeners accept nothing: tasks wait in accept until they are cancelled or
 * their time is up, and connections stay in the system's backlog, for other processes that share
 * the socket. There is no way back. Switches: never.
 */
CRUN_API void crun_hub_drain(crun_hub *hub);

/*
 * Waits until every connection that was accepted has been closed. Switches: may.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED.
 */
CRUN_API int crun_hub_drained(crun_hub *hub, crun_time deadline);

/*
 * A stream over a descriptor that is open: a connected stream socket (TCP, Unix) or one end of a
 * pipe. The descriptor is taken over, also when this fails, and becomes non-blocking. Switches:
 * never. Returns: 0 and the stream with one reference; CRUN_EINVAL for any other kind of file,
 * CRUN_ENOMEM, a code of the system's.
 */
CRUN_API int crun_stream_open(crun_hub *hub, int fd, crun_stream **out);

/* The stream's descriptor, which stays the stream's; or CRUN_ECLOSED. */
CRUN_API int crun_stream_fd(const crun_stream *stream);

/*
 * The two ends of a pipe, to be read and to be written; the two ends of a pair of Unix stream
 * sockets. Both are closed by exec. Switches: never. Thread: any. Returns: 0 or a code of the
 * system's.
 */
CRUN_API int crun_pipe(int fds[2]);
CRUN_API int crun_socketpair(int fds[2]);

/*
 * Reads up to `size` bytes, as soon as there are any. Switches: may.
 * Returns: their number, 0 at the end of the stream (or for a size of 0); CRUN_ETIMEDOUT,
 * CRUN_ECANCELED, CRUN_ECLOSED, CRUN_EBUSY, CRUN_ENOMEM; a code of the system's.
 */
CRUN_API ptrdiff_t crun_stream_read(crun_stream *stream, void *buffer, size_t size,
                                    crun_time deadline);

/*
 * Writes everything: returns when the system has taken the last byte. Switches: may.
 * Returns: 0, or a code as crun_stream_read.
 */
CRUN_API int crun_stream_write(crun_stream *stream, const void *data, size_t size,
                               crun_time deadline);

/*
 * Ends the writing side: the peer reads an end. An end of a pipe is closed by that. Waits only for
 * what a timed-out or cancelled write has left. Switches: may. Returns: as crun_stream_write.
 */
CRUN_API int crun_stream_shutdown(crun_stream *stream, crun_time deadline);

/* Closing twice does nothing. */
CRUN_API void crun_stream_close(crun_stream *stream);
CRUN_API bool crun_stream_closed(const crun_stream *stream);
CRUN_API crun_stream *crun_stream_retain(crun_stream *stream);
CRUN_API void crun_stream_release(crun_stream *stream);

/* The task that reads, or writes, the stream at present; NULL: nobody. */
CRUN_API crun_task *crun_stream_reader(const crun_stream *stream);
CRUN_API crun_task *crun_stream_writer(const crun_stream *stream);

/* The addresses of both ends. Returns: 0, CRUN_ECLOSED, or a code of the system's; ENOTSUP for
 * what is not TCP. */
CRUN_API int crun_stream_peername(const crun_stream *stream, crun_address *out);
CRUN_API int crun_stream_sockname(const crun_stream *stream, crun_address *out);

/* See crun_tcp_options. Returns as these. */
CRUN_API int crun_stream_nodelay(crun_stream *stream, bool on);
CRUN_API int crun_stream_keepalive(crun_stream *stream, unsigned seconds);

#endif
