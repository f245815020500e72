/*
 * SPDX-License-Identifier: MIT
 *
 * The Queue object, and how its values are kept; see lqueue.c.
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

extern const crun__class crun__queue_class;

/* Stands on top of what a task that waits has prepared for the other side, or got from it. */
#define CRUN__QUEUE_MARK ((void *)(uintptr_t)&crun__queue_class)

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

/*
 * For who does both in one go, with the Queue at index 1: pushes the oldest item, which is there;
 * puts the value at index 2, on top, if that can be done without waiting, and tells whether it was.
 */
void crun__queue_get_now(lua_State *L, crun_chan *chan);
bool crun__queue_put_now(lua_State *L, crun_chan *chan);

/* For the types of waits: hand a value over without allocating. */
void crun__queue_give(crun_wait *wait, const crun_value *value);
void crun__queue_take(crun_wait *wait, crun_value *value);

#endif
