/*
 * SPDX-License-Identifier: MIT
 *
 * The cases of a select that are on queues of any kind: their values.
 */
#include "lqueue.h"
#include "lselect.h"

/* --- cases on queues ---------------------------------------------------------------------- */

/* Neither allocates: they run on behalf of the other side. */
static void give(crun_wait *wait, const crun_value *value)
{
    crun__case *c = (crun__case *)wait;
    c->value = *value;
    if (value->type == CRUN_HOST)
        lua_xmove(value->as.pointer, crun__ltask_where(c->select->task), 1);
}

static void take(crun_wait *wait, crun_value *value)
{
    *value = ((const crun__case *)wait)->value;
}

#define RECEIVING(name)                                                                            \
    {                                                                                              \
        .wait = {.verb = (name),                                                                   \
                 .queue_offset = offsetof(crun_chan, getters),                                     \
                 .fire = crun__case_fire,                                                          \
                 .give = give},                                                                    \
        .ready = crun__case_recv_ready,                                                            \
    }

#define SENDING(name)                                                                              \
    {                                                                                              \
        .wait = {.verb = (name),                                                                   \
                 .queue_offset = offsetof(crun_chan, putters),                                     \
                 .fire = crun__case_fire,                                                          \
                 .take = take},                                                                    \
        .ready = crun__case_send_ready,                                                            \
    }

const crun__case_type crun__case_get = RECEIVING("get on Queue");
const crun__case_type crun__case_put = SENDING("put on Queue");
const crun__case_type crun__case_recv = RECEIVING("recv on Channel");
const crun__case_type crun__case_send = SENDING("send on Channel");

static int closed(lua_State *L, size_t place)
{
    lua_pushinteger(L, (lua_Integer)place + 1);
    return 1 + crun__lua_fail(L, CRUN_ECLOSED);
}

static int receive(lua_State *L, crun_chan *chan, size_t place)
{
    if (!crun__chan_can_get(chan))
        return closed(L, place);
    lua_copy(L, crun__lselect_object(place), 1);
    lua_pushinteger(L, (lua_Integer)place + 1);
    crun__queue_get_now(L, chan);
    return 2;
}

/* The queue and the value become all that is on the stack, as a method has them. */
static lqueue *arrange(lua_State *L, size_t place)
{
    lua_copy(L, crun__lselect_object(place), 1);
    lua_copy(L, crun__lselect_value(place), 2);
    lua_settop(L, 2);
    return crun__queue_test(L, 1);
}

/* The number of the case goes before the results on top. */
static int numbered(lua_State *L, size_t place, int results)
{
    lua_pushinteger(L, (lua_Integer)place + 1);
    lua_insert(L, -results - 1);
    return results + 1;
}

static int send(lua_State *L, size_t place)
{
    return numbered(L, place, crun__queue_put_nowait(L, arrange(L, place)));
}

bool crun__lselect_promised(const crun__case *c)
{
    return crun__lselect_sends(c) && c->result >= 0 &&
           ((const crun_chan *)c->object)->order == CRUN__RANKED;
}

int crun__lselect_keep_promise(lua_State *L, int promise, size_t place)
{
    return numbered(L, place, crun__queue_put_promised(L, arrange(L, place), promise));
}

int crun__lselect_take(lua_State *L, const crun__case *c, size_t place)
{
    return crun__lselect_receives(c) ? receive(L, c->object, place) : send(L, place);
}

/* (queue, value, case) */
static int prepare(lua_State *L)
{
    crun__case *c = lua_touserdata(L, 3);
    const crun_chan *chan = c->object;
    if (!chan->hosted) {
        crun__queue_export(L, &c->value);
    } else {
        int key = crun__queue_anchor(L);
        c->value = (crun_value){.type = CRUN_HOST, .as.integer = key};
    }
    return 0;
}

int crun__lselect_prepare(lua_State *L, lselect *s)
{
    for (size_t i = 0; i < s->base.count; i++) {
        crun__case *c = &s->cases[i];
        if (!crun__lselect_sends(c) || crun__value_read(L, crun__lselect_value(i), &c->value))
            continue;
        lua_pushcfunction(L, prepare);
        lua_pushvalue(L, crun__lselect_object(i));
        lua_pushvalue(L, crun__lselect_value(i));
        lua_pushlightuserdata(L, c);
        int status = lua_pcall(L, 3, 0, 0);
        if (status != LUA_OK)
            return status;
    }
    return LUA_OK;
}

void crun__lselect_take_back(lua_State *L, lselect *s, const crun__case *taken)
{
    for (size_t i = 0; i < s->base.count; i++) {
        crun__case *c = &s->cases[i];
        if (c == taken || !crun__lselect_sends(c))
            continue;
        if (c->value.type == CRUN_HOST) {
            lua_copy(L, crun__lselect_object(i), 1);
            crun__queue_unanchor(L, (int)c->value.as.integer, false);
        }
        crun_value_clear(&c->value);
    }
}

void crun__lselect_fetch(lua_State *L, const crun__case *c, size_t place)
{
    if (c->value.type == CRUN_HOST)
        return;
    lua_copy(L, crun__lselect_object(place), 1);
    crun__queue_push(L, &c->value);
}
