/*
 * SPDX-License-Identifier: MIT
 *
 * A port from inside: what its parts (life, frames, waits) and its kinds (memory, socket) share.
 */
#ifndef CRUN__PORT_IMPL_H
#define CRUN__PORT_IMPL_H

#include <uv.h>

#include "hub.h"
#include "loop.h"
#include "port.h"

/* What makes a kind of port. */
typedef struct crun__port_type {
    /* Hands over what is queued, as far as possible. */
    void (*flush)(crun_port *port);
    /* How much has been handed over that still counts as under way. */
    size_t (*underway)(crun_port *port);
    /* Looks for what has come, without waiting. */
    void (*fetch)(crun_port *port);
    /*
     * A task is about to wait for messages, or for room: it is to be told of them from now on.
     * Returns: 0; 1, there is something already; or a code.
     */
    int (*expect_mail)(crun_port *port);
    int (*expect_room)(crun_port *port);
    /* So many bytes of what has come are no longer in memory. NULL: no matter. */
    void (*freed)(crun_port *port, size_t size);
    /* Whether something outside of this hub may end a wait. */
    bool (*outside)(crun_port *port);
    /* The end is closed; frees what the kind has, at once or later. */
    void (*close)(crun_port *port);
} crun__port_type;

extern const crun__port_type crun__port_memory;
extern const crun__port_type crun__port_socket;

/* A message that waits for room, in the order of `senders`. */
typedef struct crun__parcel {
    struct crun__parcel *next;
    crun_wait *wait;
    crun__chain chain;
} crun__parcel;

/* A message that has been handed to who waited for it, and is woken. */
typedef struct crun__delivery {
    struct crun__delivery *next;
    const crun_wait *wait;
    crun__mail mail;
} crun__delivery;

struct crun_port {
    uv_poll_t poll; /* first; a socket's */
    const crun__port_type *type;
    crun_hub *hub;
    crun__link link;  /* among the loop's ports; in no list once closed */
    crun__link dirty; /* among those that have something to hand over */
    unsigned references;

    crun__chain out; /* not yet handed over */
    size_t out_last; /* the size of what was handed over last */
    crun_waitq senders, flushers;
    crun__parcel *parcels, **parcels_end;
    void (*written)(void *owner);
    const char *name; /* for people: "Port" */

    crun__chain in;            /* `size` is not kept */
    crun__fds *fds, **fds_end; /* that came by the socket, and whose messages are to come */
    crun_waitq receivers;      /* with a message that is there nobody stands here */
    crun__delivery *deliveries, *spare;

    unsigned waiting, counted; /* tasks that wait; of those, counted by the loop */
    const char *reason;        /* why nothing more comes; NULL: something may */
    int16_t in_end, out_end;   /* 0, or the code that is the end */
    bool closed;

    crun_port_end *end; /* of one in memory */
    int fd;
    int events;                  /* that poll looks for */
    uint64_t received, consumed; /* bytes since the beginning: see crun__fds */
    bool expecting;              /* a socket is looked at for messages */
    bool blocked;                /* it does not take more */
    bool brimming;               /* the last read filled all room: there may be more */
    bool lingers;                /* closed, and still writing */
};

/* --- the loop's ports (port_loop.c) ------------------------------------------------------- */

/* Whether a handle is the loop's own for its ports. */
bool crun__ports_own(const crun__loop *loop, const uv_handle_t *handle);

/* Closes all ports. */
void crun__ports_close(crun__loop *loop);

/* All handles have been closed. */
void crun__ports_free(crun__loop *loop);

/* Enters a new port. Returns: 0 or a code. */
int crun__ports_add(crun_port *port);

/* Has what is queued handed over before the hub looks at I/O. */
void crun__ports_dirty(crun_port *port);

/* --- life (port.c) ------------------------------------------------------------------------ */

/* A port without a kind, with one reference; or NULL. */
crun_port *crun__port_new(crun_hub *hub, const crun__port_type *type);
void crun__port_unref(crun_port *port);

/* Hands over what is queued, also what gets room by that, as far as possible. */
void crun__port_hand_over(crun_port *port);

/* Closes it without handing over what is queued. */
void crun__port_abandon(crun_port *port);

/* Nothing more comes: code and reason. Wakes who waits for it. */
void crun__port_end_in(crun_port *port, int code, const char *reason);

/* Nothing more can be sent: what is queued is dropped. */
void crun__port_end_out(crun_port *port, int code);

/* The loop counts who waits for something from outside. */
void crun__port_recount(crun_port *port);

/* --- frames (port_frame.c) ---------------------------------------------------------------- */

/* Puts a letter into a chain. Returns: 0, or CRUN_ENOMEM and nothing has happened. */
int crun__frame_put(crun_port *port, crun__chain *chain, const crun__letter *letter);

/* The bytes of the chain are not needed any more. */
void crun__chain_drop(crun_port *port, crun__chain *chain);

/* The segment is done with. */
void crun__segment_drop(crun_port *port, crun__segment *s);

/* Whether a whole message is there, or what is there is none: then the port is at its end. */
bool crun__frame_there(crun_port *port);

/* Takes the message that is there. */
void crun__frame_take(crun_port *port, crun__mail *mail);
void crun__frame_give_back(crun_port *port, crun__mail *mail);

/* Drops all that has come. */
void crun__frames_drop(crun_port *port);

/* --- waits (port_wait.c) ------------------------------------------------------------------ */

/* Something has come, or the end: hands it to those who wait for it, in their order. */
void crun__port_arrived(crun_port *port);

/* Drops what has been handed to tasks that will not come for it. */
void crun__deliveries_drop(crun_port *port);

/* There may be room again, or everything has been written. */
void crun__port_emptied(crun_port *port);

/* Wakes all with a code. */
void crun__port_wake_all(crun_port *port, int code);

#endif
