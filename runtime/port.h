/*
 * SPDX-License-Identifier: MIT
 *
 * Ports as the bindings see them: each blocking operation in two phases, as in stream.h.
 */
#ifndef CRUN__PORT_H
#define CRUN__PORT_H

#include <crun/port.h>

#include "segment.h"

/* The bytes before each message. Numbers are in the machine's order: both ends are on one. */
typedef struct crun__frame {
    uint64_t size; /* of what follows */
    uint64_t id;
    uint32_t aux;
    uint16_t mark; /* CRUN__FRAME_MARK */
    uint8_t kind;
    uint8_t fds; /* descriptors that come along */
} crun__frame;

enum {
    CRUN__FRAME_MARK = 0x6e72,
    CRUN__FRAME = sizeof(crun__frame),
    CRUN__FRAME_KINDS = 127,
    CRUN__FRAME_FDS = 250,      /* in one message: the system takes 253 */
    CRUN__FRAME_LONG = 1 << 16, /* pieces from this size on may stay where they are */
    CRUN__PORT_ROOM = 1 << 20   /* bytes under way beyond which sending waits */
};

/* --- sending ------------------------------------------------------------------------------ */

/* A message to be sent: its bytes are given piece by piece, 0, 1 ... until `piece` says false. */
typedef struct crun__letter {
    crun__frame frame; /* the size is set here, the mark by the port */
    bool (*piece)(void *source, size_t number, const char **data, size_t *size);
    void *source;
    crun__fds *fds; /* taken over; freed also when sending fails */
    /*
     * NULL: everything is copied. Else long pieces may be left where they are, until this is given
     * to the function of crun__port_on_written, which then happens once; not if begin fails.
     */
    void *owner;
} crun__letter;

/* What is told that bytes are no longer needed. It is called anywhere, and must not wait. */
void crun__port_on_written(crun_port *port, void (*fn)(void *owner));

/* Whether the ends are joined by a socket, which can leave long pieces where they are. */
bool crun__port_is_socket(const crun_port *port);

/* Whether a message would be queued without waiting. */
bool crun__port_has_room(crun_port *port);

/*
 * Returns 1: queued; 0: it has been put aside until there is room, the task waits for that; a code.
 * A wait with result 0 has sent it. With `anyway` there always is room.
 */
int crun__send_begin(crun_port *port, crun_task *task, const crun__letter *letter, bool anyway);

/* Returns 1: the system has all that was sent. After a wait with result 0, begin again. */
int crun__flush_begin(crun_port *port, crun_task *task);

/* The bytes that are sent, and not yet with the other end, as far as it is known here. */
size_t crun__port_queued(crun_port *port);

/* --- receiving ---------------------------------------------------------------------------- */

/* A message that has come. */
typedef struct crun__mail {
    crun__frame frame;
    const char *data;
    crun__fds *fds; /* NULL: none, or they were lost */
    crun__segment *segment;
} crun__mail;

/* Returns 1: a message can be taken. After a wait with result 0, begin again. */
int crun__recv_begin(crun_port *port, crun_task *task);

/* Returns 1: recv_begin would not wait. Else as above. */
int crun__poll_begin(crun_port *port, crun_task *task);

/*
 * For who receives without waiting: hands over what is queued in any port of this hub, and looks
 * what has come.
 */
void crun__port_look(crun_port *port);

/* Whether recv_begin would not wait. */
bool crun__port_ready(crun_port *port);

/*
 * Takes the message that is there for the task, as recv_begin has just said. Its data stay until it
 * is given back: also behind a close, as long as there is a reference.
 */
void crun__port_take(crun_port *port, const crun_task *task, crun__mail *mail);
void crun__port_give_back(crun_port *port, crun__mail *mail);

/* --- the rest ----------------------------------------------------------------------------- */

/* What people call it; "Port" is what it is called if nobody says. A static string. */
void crun__port_set_name(crun_port *port, const char *name);

/* Why it is at its end, in words: "the other end is closed"; NULL: it is not. */
const char *crun__port_reason(const crun_port *port);

/*
 * A socket's descriptor, to be copied, for another end to take this one's place. Returns: it, which
 * stays the port's; CRUN_ECLOSED; CRUN_EBUSY: something is unread; CRUN_EAGAIN: not yet sent.
 */
int crun__port_share(crun_port *port);

/* Closes ports that still refer to bytes elsewhere, without writing them: they are about to go. */
void crun__ports_disown(crun_hub *hub);

#endif
