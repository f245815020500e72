/*
 * SPDX-License-Identifier: MIT
 *
 * Queue and its kin: one object, a channel of Lua values, in several classes. Their putting and
 * getting is in lqueue.c, what else all of them can do in lqueue_state.c, and how values are kept
 * in lqueue_value.c. Channel (lchannel.c) and PriorityQueue (lpriority.c) add what is theirs.
 */
#ifndef CRUN__LQUEUE_H
#define CRUN__LQUEUE_H

#include "../runtime/chan.h"
#include "bind.h"

typedef struct lqueue {
    crun__object object;
    crun_chan *chan;
    crun_chan own; /* unless it is the host's */
} lqueue;

/* The user values of a Queue. The others have no use for those after the first. */
enum { CRUN__QUEUE_ANCHORS = 1, CRUN__QUEUE_LESS, CRUN__QUEUE_GUARD };

/* A class of such objects, and what its waits are called. */
typedef struct crun__queue_kind {
    crun__class class; /* first */
    crun_wait_type get;
    crun_wait_type put;
    crun_wait_type join;
} crun__queue_kind;

extern const crun__queue_kind crun__queue_fifo, crun__queue_lifo, crun__queue_priority,
    crun__queue_channel;

static inline const crun__queue_kind *crun__queue_kind_of(const lqueue *q)
{
    return (const crun__queue_kind *)q->object.class;
}

/* The waits of a kind, by what it calls getting and putting. */
#define CRUN__QUEUE_WAITS(name, getting, putting)                                                  \
    .get =                                                                                         \
        {                                                                                          \
            .verb = name ":" getting,                                                              \
            .queue_offset = offsetof(crun_chan, getters),                                          \
            .describe = crun__queue_describe,                                                      \
            .give = crun__queue_give,                                                              \
    },                                                                                             \
    .put =                                                                                         \
        {                                                                                          \
            .verb = name ":" putting,                                                              \
            .queue_offset = offsetof(crun_chan, putters),                                          \
            .describe = crun__queue_describe,                                                      \
            .take = crun__queue_take,                                                              \
    },                                                                                             \
    .join = {                                                                                      \
        .verb = name ":join",                                                                      \
        .queue_offset = offsetof(crun_chan, joiners),                                              \
        .describe = crun__queue_describe,                                                          \
    }

void crun__queue_describe(const crun_wait *wait, char *text, size_t size);

/* The object of any of these classes at the index, or NULL. */
lqueue *crun__queue_test(lua_State *L, int index);

/* The object at index 1. Raises an argument error for anything that is not of this kind. */
static inline lqueue *crun__queue_check(lua_State *L, const crun__queue_kind *kind)
{
    lqueue *q = crun__object_test(L, 1, &kind->class);
    return q ? q : crun__object_check(L, 1, &kind->class);
}

/* Pushes a new object with a channel of its own. */
lqueue *crun__queue_new(lua_State *L, const crun__queue_kind *kind, size_t capacity,
                        crun__chan_order order);

/* Opens a class whose methods work on any of them, and can tell which they were called for. */
void crun__queue_open(lua_State *L, const crun__queue_kind *kind);

/* The size at the index; absent, nil and 0 are CRUN_UNBOUNDED. Raises for what is none. */
size_t crun__queue_maxsize(lua_State *L, int index);

/* --- putting and getting, of the object at index 1 ----------------------------------------- */

/* These return what a method returns. The value to put is at index 2, on top. */
int crun__queue_put(lua_State *L, lqueue *q, crun_time deadline);
int crun__queue_put_nowait(lua_State *L, lqueue *q); /* of all kinds */
int crun__queue_get(lua_State *L, lqueue *q, crun_time deadline);
int crun__queue_get_nowait(lua_State *L, lqueue *q);

/* Pushes the next value, which is there. */
void crun__queue_get_now(lua_State *L, crun_chan *chan);

/* The rest of a put into a PriorityQueue, whose wait for a place has ended with that result. */
int crun__queue_put_promised(lua_State *L, lqueue *q, int result);

/* put_nowait of a PriorityQueue. */
int crun__queue_put_ranked(lua_State *L, lqueue *q);

/* Gives the value at index 2, on top, to the getter that has waited longest. */
void crun__queue_hand(lua_State *L, crun_chan *chan);

/*
 * The value at index 2, on top, was got some time ago and comes out next, however full and closed
 * the channel is. It was never finished, so it counts as before.
 */
void crun__queue_put_back(lua_State *L, crun_chan *chan);

/* Methods of all. */
int crun__queue_l_get(lua_State *L);
int crun__queue_l_get_nowait(lua_State *L);
int crun__queue_l_iter(lua_State *L);
int crun__queue_l_task_done(lua_State *L);
int crun__queue_l_join(lua_State *L);
int crun__queue_l_close(lua_State *L);
int crun__queue_l_closed(lua_State *L);
int crun__queue_l_qsize(lua_State *L);
int crun__queue_l_maxsize(lua_State *L);
int crun__queue_l_empty(lua_State *L);
int crun__queue_l_full(lua_State *L);
int crun__queue_l_tostring(lua_State *L);
int crun__queue_l_gc(lua_State *L);

/* Those of the kinds that are queues by name; get and put are not among them. */
#define CRUN__QUEUE_METHODS                                                                        \
    {"iter", crun__queue_l_iter}, {"task_done", crun__queue_l_task_done},                          \
        {"join", crun__queue_l_join}, {"close", crun__queue_l_close},                              \
        {"closed", crun__queue_l_closed}, {"qsize", crun__queue_l_qsize},                          \
        {"maxsize", crun__queue_l_maxsize}, {"empty", crun__queue_l_empty},                        \
        {"full", crun__queue_l_full},                                                              \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

extern const luaL_Reg crun__queue_metamethods[];

/* The object that such a method was called for. */
lqueue *crun__queue_self(lua_State *L);

/* --- values ------------------------------------------------------------------------------- */

/* Stands on top of what a task that waits has prepared for the other side, or got from it. */
#define CRUN__QUEUE_MARK ((void *)(uintptr_t)&crun__queue_fifo)
/* A scalar as a value; anything else is left to the caller. */
static inline bool crun__value_read(lua_State *L, int index, crun_value *value)
{
    if (lua_isinteger(L, index)) {
        value->type = CRUN_INTEGER;
        value->as.integer = lua_tointeger(L, index);
        return true;
    }
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        value->type = CRUN_NUMBER;
        value->as.number = lua_tonumber(L, index);
        return true;
    case LUA_TBOOLEAN:
        value->type = CRUN_BOOLEAN;
        value->as.boolean = lua_toboolean(L, index);
        return true;
    case LUA_TNIL:
        value->type = CRUN_NIL;
        return true;
    default:
        return false;
    }
}

/* Whether it is one. */
static inline bool crun__value_plain(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL;
}

/* Pushes one; for anything else does nothing and returns false. */
static inline bool crun__value_push(lua_State *L, const crun_value *value)
{
    switch (value->type) {
    case CRUN_NIL:
        lua_pushnil(L);
        return true;
    case CRUN_BOOLEAN:
        lua_pushboolean(L, value->as.boolean);
        return true;
    case CRUN_INTEGER:
        lua_pushinteger(L, value->as.integer);
        return true;
    case CRUN_NUMBER:
        lua_pushnumber(L, value->as.number);
        return true;
    case CRUN_POINTER:
        lua_pushlightuserdata(L, value->as.pointer);
        return true;
    default:
        return false;
    }
}

/* Anchors the value at index 2 in the table of the Queue at index 1; returns its key. */
int crun__queue_anchor(lua_State *L);

/* Gives a key up; pushes its value if asked to. */
void crun__queue_unanchor(lua_State *L, int key, bool push);

/* The value at index 2 for a channel of the host's. Raises for what C does not understand. */
void crun__queue_export(lua_State *L, crun_value *value);

/* Pushes a value that came out of the ring, or from a task that waited. */
void crun__queue_push(lua_State *L, const crun_value *value);

/* For the types of waits: hand a value over without allocating. */
void crun__queue_give(crun_wait *wait, const crun_value *value);
void crun__queue_take(crun_wait *wait, crun_value *value);

#endif
