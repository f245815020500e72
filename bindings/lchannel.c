/*
 * SPDX-License-Identifier: MIT
 *
 * Channel: what is sent is received, with little room in between or none. It is a Queue whose names
 * are those of channels, and it can have the capacity 0.
 */
#include "lqueue.h"

#include <math.h>

static inline lqueue *check(lua_State *L)
{
    return crun__queue_check(L, &crun__queue_channel);
}

/*
 * channel:send(value [, seconds]) -> true | nil, message, "ETIMEDOUT" | "ECLOSED". May wait; with
 * capacity 0 until the value has been received.
 */
static int l_send(lua_State *L)
{
    lqueue *q = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 3);
    return crun__queue_put(L, q, deadline);
}

/* channel:send_nowait(value) -> true | nil, message, "EAGAIN" | "ECLOSED". */
static int l_send_nowait(lua_State *L)
{
    lqueue *q = check(L);
    lua_settop(L, 2);
    return crun__queue_put_nowait(L, q);
}

/* channel:recv([seconds]) -> value | nil, message, "ETIMEDOUT" | "ECLOSED". May wait. */
static int l_recv(lua_State *L)
{
    lqueue *q = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    return crun__queue_get(L, q, deadline);
}

/* channel:capacity() -> how many values have room in it; math.huge when any number has. */
static int l_capacity(lua_State *L)
{
    size_t capacity = check(L)->chan->capacity;
    if (capacity == CRUN_UNBOUNDED)
        lua_pushnumber(L, (lua_Number)HUGE_VAL);
    else
        lua_pushinteger(L, (lua_Integer)capacity);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const crun_chan *chan = check(L)->chan;
    if (chan->capacity == 0)
        lua_pushliteral(L, "rendezvous");
    else if (chan->capacity == CRUN_UNBOUNDED)
        lua_pushfstring(L, "%I values", (LUAI_UACINT)chan->count);
    else
        lua_pushfstring(L, "%I/%I values", (LUAI_UACINT)chan->count, (LUAI_UACINT)chan->capacity);
    lua_pushfstring(L, "crun.Channel: %s, %I sending, %I receiving%s", lua_tostring(L, -1),
                    (LUAI_UACINT)crun__waitq_count(&chan->putters),
                    (LUAI_UACINT)crun__waitq_count(&chan->getters), chan->closed ? ", closed" : "");
    return 1;
}

static const luaL_Reg methods[] = {
    {"send", l_send},
    {"recv", l_recv},
    {"send_nowait", l_send_nowait},
    {"recv_nowait", crun__queue_l_get_nowait},
    {"iter", crun__queue_l_iter},
    {"close", crun__queue_l_close},
    {"closed", crun__queue_l_closed},
    {"capacity", l_capacity},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__len", crun__queue_l_qsize},
    {"__tostring", l_tostring},
    {"__close", crun__queue_l_close},
    {"__gc", crun__queue_l_gc},
    {NULL, NULL},
};

const crun__queue_kind crun__queue_channel = {
    .class = {"crun.Channel", methods, metamethods, sizeof(lqueue), 1},
    CRUN__QUEUE_WAITS("Channel", "recv", "send"),
};

static size_t check_capacity(lua_State *L)
{
    if (lua_isnoneornil(L, 1))
        return 0;
    if (lua_type(L, 1) == LUA_TNUMBER && lua_tonumber(L, 1) == (lua_Number)HUGE_VAL)
        return CRUN_UNBOUNDED;
    if (!lua_isinteger(L, 1) || lua_tointeger(L, 1) < 0)
        crun__lua_badarg(L, 1, "an integer >= 0 or math.huge");
    return (size_t)lua_tointeger(L, 1);
}

/*
 * Channel([capacity]) -> Channel; without capacity, or with 0, each send meets its receive; with
 * math.huge a send never waits.
 */
static int l_channel(lua_State *L)
{
    crun__queue_new(L, &crun__queue_channel, check_capacity(L), CRUN__FIFO);
    return 1;
}

void crun__open_channel(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Channel", l_channel}, {NULL, NULL}};
    crun__queue_open(L, &crun__queue_channel);
    crun__open_functions(L, functions);
}
