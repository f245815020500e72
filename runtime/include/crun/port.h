/*
 * SPDX-License-Identifier: MIT
 *
 * Ports: messages between two hubs, in order and in both directions.
 *
 * The two ends of a port are in one process, and joined by memory; or they are joined by a socket,
 * and may be in two. They behave alike.
 *
 * Laws:
 * - Messages come in the order in which they were sent, each once and whole, or not at all.
 * - What is sent within one turn of a hub leaves together, before the hub looks at I/O.
 * - Sending does not wait until 1 MiB is on its way unread; who waits then is served in turn. One
 *   message may be larger than that.
 * - A send that times out or is cancelled has sent nothing; a receive has taken nothing.
 * - What was sent before an end was closed still arrives. A socket's end keeps writing behind the
 *   close what the socket did not take yet, as long as its hub lives and the peer reads.
 * - Closing never waits. Whoever waits on what is closed gets CRUN_ECLOSED, and so does who
 *   receives once the other end is closed and everything has been received.
 *
 * An end is counted. Its last reference closes it. Thread, unless said otherwise: its hub's.
 */
#ifndef CRUN_PORT_H
#define CRUN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crun/hub.h>
#include <crun/task.h>

typedef struct crun_port crun_port;
typedef struct crun_port_end crun_port_end;

typedef struct crun_message {
    uint64_t id;
    uint32_t aux;
    uint8_t kind; /* 1 to 127 */
    const void *data;
    size_t size;
    void *held; /* of a received one: see crun_port_done */
} crun_message;

/* Makes both ends of a port in memory. Returns: 0 and two references, or CRUN_ENOMEM. */
CRUN_API int crun_port_pair(crun_hub *hub, crun_port **a, crun_port **b);

/*
 * Makes an end of a connected socket of AF_UNIX and SOCK_STREAM. Owns: the descriptor, also when it
 * fails. Returns: 0 and a reference; CRUN_ENOMEM; a code of the system's.
 */
CRUN_API int crun_port_open(crun_hub *hub, int fd, crun_port **out);

/*
 * Takes an end in memory from its hub, to be given to another one; whoever waits at it gets
 * CRUN_ECLOSED. The port is closed then, but what has come for it stays with the end, which has to
 * be attached or dropped. Returns: 0 and the end; CRUN_ECLOSED; CRUN_EINVAL for a socket's;
 * CRUN_ENOMEM.
 */
CRUN_API int crun_port_detach(crun_port *port, crun_port_end **out);

/* Returns: 0 and a reference, and the end is gone; or CRUN_ENOMEM. Thread: the hub's. */
CRUN_API int crun_port_attach(crun_hub *hub, crun_port_end *end, crun_port **out);

/* Closes a detached end. Thread: any. */
CRUN_API void crun_port_end_drop(crun_port_end *end);

/*
 * Sends a copy. Switches: may. Returns: 0; CRUN_ECLOSED, CRUN_ETIMEDOUT, CRUN_ECANCELED,
 * CRUN_EINVAL (the kind), CRUN_ENOMEM.
 */
CRUN_API int crun_port_send(crun_port *port, const crun_message *message, crun_time deadline);

/*
 * Receives a message, whose data stay until crun_port_done. Switches: may. Returns: 0;
 * CRUN_ECLOSED, CRUN_ETIMEDOUT, CRUN_ECANCELED, CRUN_ENOMEM.
 */
CRUN_API int crun_port_recv(crun_port *port, crun_message *out, crun_time deadline);
CRUN_API void crun_port_done(crun_port *port, crun_message *message);

/* Waits until a receive would not wait. Switches: may. Returns: as crun_port_recv, but for the end:
 * that is 0. */
CRUN_API int crun_port_poll(crun_port *port, crun_time deadline);

/* Waits until the system has all that was sent. Switches: may. Returns: as crun_port_send. */
CRUN_API int crun_port_flush(crun_port *port, crun_time deadline);

/* Closing twice does nothing. */
CRUN_API void crun_port_close(crun_port *port);
CRUN_API bool crun_port_closed(const crun_port *port);
CRUN_API crun_port *crun_port_retain(crun_port *port);
CRUN_API void crun_port_release(crun_port *port);

#endif
