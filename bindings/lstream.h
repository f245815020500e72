/*
 * SPDX-License-Identifier: MIT
 *
 * Stream and Listener, what their parts share.
 *
 * Timeouts come last. Formats of read may be numbers, too: with two or more arguments a last one
 * that is a number or nil is the timeout; a single number is a count of bytes. Data to be written
 * are strings only, so a number at the end is the timeout there as well.
 */
#ifndef CRUN__LSTREAM_H
#define CRUN__LSTREAM_H

#include "../runtime/stream.h"
#include "bind.h"

/* `opened` is filled in while the task that opens it waits; without stream, or listener, it is
 * closed. */
typedef struct lstream {
    crun__object object;
    crun__opened opened;
} lstream;

extern const crun__class crun__stream_class;
extern const crun__class crun__listener_class;

/* The Stream at index 1; raises an argument error. NULL: it has been finalized. */
static inline crun_stream *crun__lstream_check(lua_State *L)
{
    lstream *s = crun__object_test(L, 1, &crun__stream_class);
    if (!s)
        s = crun__object_check(L, 1, &crun__stream_class);
    return s->opened.stream;
}

/* The same of a stream at index 1 that has been checked before. */
static inline crun_stream *crun__lstream_again(lua_State *L)
{
    return ((lstream *)lua_touserdata(L, 1))->opened.stream;
}

/*
 * As crun__lua_park, but yields as soon as a hundred stacks are busy. Who waits for the network has
 * paid for calls of the system, beside which a yield costs little; what counts with many
 * connections is that each message finds few things of its connection in memory that is far away.
 */
int crun__lstream_park(lua_State *L, crun_task *self, crun_time deadline, lua_KContext context,
                       lua_KFunction finish);

/*
 * nil, message, code for a code of an operation on the stream at index 1, whose `user` is busy with
 * it in case of CRUN_EBUSY: that is misuse, and raises. verb: "read".
 */
int crun__lstream_fail(lua_State *L, int code, const crun_task *user, const char *verb);

/* Whether the last argument is the timeout, of those from index 2 to the top. */
static inline bool crun__lstream_timed(lua_State *L)
{
    int top = lua_gettop(L);
    return top > 2 && (lua_isnil(L, top) || lua_type(L, top) == LUA_TNUMBER);
}

/* stream:read, stream:lines */
int crun__lstream_read(lua_State *L);
int crun__lstream_lines(lua_State *L);

#endif
