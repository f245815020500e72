/*
 * SPDX-License-Identifier: MIT
 *
 * Port and Connection, what their parts share.
 *
 * What sends takes the object at index 1; the descriptors that travel with the values, and what the
 * object's hooks make of other userdata, are in lport_carry.c.
 */
#ifndef CRUN__LPORT_H
#define CRUN__LPORT_H

#include "../runtime/port.h"
#include "bind.h"
#include "lclone.h"

/* Messages up to this size may be flat (see lclone.h), and are on the C stack meanwhile. */
enum { CRUN__PORT_FLAT = 512 };

typedef struct lport {
    crun__object object;
    crun_port *port; /* NULL: it has been finalized, or is not open yet */
    uint64_t turn;   /* of the hub, when it last received */
    unsigned streak; /* messages received in that turn */
} lport;

/* User values of a Port. */
enum { LPORT_REFER = 1, LPORT_RESOLVE, LPORT_KNOWN, LPORT_TO, LPORT_VALUES = LPORT_TO };

extern const crun__class crun__port_class;
extern const crun__class crun__connection_class;

/* nil, message, code; for a port that is at its end the message says why. */
int crun__lport_fail(lua_State *L, const lport *p, int code);

/* --- what travels with the values (lport_carry.c) ----------------------------------------- */

/* What the hooks of a message know. */
typedef struct crun__carry {
    /*
     * A Port's hooks come after the own; it is at index 1 of the sender's stack, and at index 2 of
     * the decoder's.
     */
    bool hooked;
    unsigned count;
    struct {
        const void *object;
        int fd;
    } list[CRUN__FRAME_FDS]; /* to be sent: of which objects; the descriptors are not owned */
    crun__fds *fds;          /* that have come; a taken one is -1 */
} crun__carry;

static inline void crun__carry_init(crun__carry *c, const lport *p)
{
    c->hooked = p->object.class == &crun__port_class;
    c->count = 0;
    c->fds = NULL;
}

/* Copies the descriptors. Returns: 0 and them, NULL if there are none; or a code. */
int crun__carry_pack(const crun__carry *carry, crun__fds **fds);

/* For crun__clone; their context is a crun__carry. */
bool crun__lport_refer(lua_State *L, void *carry);
bool crun__lport_resolve(lua_State *L, void *carry);

/* --- sending and receiving ---------------------------------------------------------------- */

/*
 * Sends the values from `first` to the top: as `send` of the object at index 1. Returns what the
 * function of Lua returns; may wait.
 */
int crun__lport_send(lua_State *L, crun__frame frame, int first, bool anyway);

/* The same for the message in the string at the index; never waits. */
int crun__lport_post_encoded(lua_State *L, crun__frame frame, int index);

/*
 * Takes the message that is there and pushes its values: true; or what kept them from being made:
 * false. With the head: kind, id and aux come before them.
 */
bool crun__lport_take(lua_State *L, lport *p, bool with_head);

/*
 * Waits for a message. Calls `taken` with 1 when there is one, or with a code; `again` after a
 * wait, which has to come back here, or to take the code. The last thing its caller does.
 */
int crun__lport_wait(lua_State *L, lport *p, crun_time deadline, lua_KFunction taken,
                     lua_KFunction again);

/* How `again` is called: for a wait that is over, or with 0 once others have had their turn. */
enum { LPORT_WAITED = 1 };

/* What `again` starts with: 0, or a code that ended the wait. Raises as crun__lua_result. */
int crun__lport_waited(lua_State *L, lua_KContext how);

/*
 * recv([seconds]) of the object at index 1. A Port tells by its kind of values that could not be
 * made; a Connection raises why. The last thing its caller does.
 */
int crun__lport_recv(lua_State *L, lport *p);

/* Opens a Connection over a descriptor, which is taken over. Returns: 0 or a code. */
int crun__connection_open(lport *connection, int fd);

/* What both classes share. */
int crun__lport_poll(lua_State *L);
int crun__lport_close(lua_State *L);
int crun__lport_closed(lua_State *L);
int crun__lport_flush(lua_State *L);

extern const luaL_Reg crun__lport_metamethods[];

#endif
