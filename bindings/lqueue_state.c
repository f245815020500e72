/*
 * SPDX-License-Identifier: MIT
 *
 * What all kinds of queues can do beside putting and getting.
 */
#include "lqueue.h"

#include <stdio.h>

void crun__queue_describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_chan *chan = wait->object;
    size_t count = crun__chan_inside(chan);
    if (chan->capacity == 0)
        (void)snprintf(text, size, "%s (rendezvous)", wait->type->verb);
    else if (chan->capacity == CRUN_UNBOUNDED)
        (void)snprintf(text, size, "%s (%zu items)", wait->type->verb, count);
    else
        (void)snprintf(text, size, "%s (%zu of %zu items)", wait->type->verb, count,
                       chan->capacity);
}

lqueue *crun__queue_test(lua_State *L, int index)
{
    lqueue *q = lua_touserdata(L, index);
    if (!q || lua_rawlen(L, index) != sizeof *q)
        return NULL;
    const crun__queue_kind *kind = crun__queue_kind_of(q);
    bool known = kind == &crun__queue_fifo || kind == &crun__queue_channel ||
                 kind == &crun__queue_lifo || kind == &crun__queue_priority;
    return known ? q : NULL;
}

/* Which kind the method belongs to is its upvalue. */
lqueue *crun__queue_self(lua_State *L)
{
    lqueue *q = crun__queue_test(L, 1);
    if (q)
        return q;
    const crun__queue_kind *kind = lua_touserdata(L, lua_upvalueindex(1));
    return crun__object_check(L, 1, kind ? &kind->class : &crun__queue_fifo.class);
}

lqueue *crun__queue_new(lua_State *L, const crun__queue_kind *kind, size_t capacity,
                        crun__chan_order order)
{
    lqueue *q = crun__object_new(L, &kind->class);
    crun__chan_init(&q->own, capacity);
    q->own.hosted = true;
    q->own.order = (unsigned char)order;
    q->chan = &q->own;
    return q;
}

/* Functions without upvalues are called a little faster, and Queue's are called the most. */
void crun__queue_open(lua_State *L, const crun__queue_kind *kind)
{
    if (kind != &crun__queue_fifo)
        lua_pushlightuserdata(L, (void *)(uintptr_t)kind);
    crun__class_open(L, &kind->class, kind != &crun__queue_fifo);
}

size_t crun__queue_maxsize(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return CRUN_UNBOUNDED;
    int integral;
    lua_Integer maxsize = lua_tointegerx(L, index, &integral);
    if (lua_type(L, index) != LUA_TNUMBER || !integral || maxsize < 0)
        crun__lua_badarg(L, index, "an integer >= 0");
    return maxsize == 0 ? CRUN_UNBOUNDED : (size_t)maxsize;
}

/* --- unfinished work, closing --------------------------------------------------------------- */

/* queue:task_done(): one of the items taken has been worked on. */
int crun__queue_l_task_done(lua_State *L)
{
    if (crun__chan_task_done(crun__queue_self(L)->chan) < 0)
        return luaL_error(L, "task_done was called more often than items were put");
    return 0;
}

/* queue:join([seconds]) -> true once all items are done | nil, message, "ETIMEDOUT". May wait. */
int crun__queue_l_join(lua_State *L)
{
    const lqueue *q = crun__queue_self(L);
    crun_time deadline = crun__lua_deadline(L, 2);
    if (q->chan->unfinished == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    crun_task *self = crun__lua_self(L);
    crun__wait_begin(self, &crun__queue_kind_of(q)->join, q->chan);
    return crun__lua_park(L, self, deadline, 0, crun__lua_finish_true);
}

static void discard(lua_State *L, crun_chan *chan)
{
    crun_value value;
    while (crun__chan_inside(chan) > 0) {
        crun__chan_take(chan, &value);
        crun__queue_push(L, &value);
        lua_pop(L, 1);
        crun__chan_task_done(chan);
    }
}

/* queue:close([discard]): later puts fail; gets take what is left, unless it is to be dropped. */
int crun__queue_l_close(lua_State *L)
{
    crun_chan *chan = crun__queue_self(L)->chan;
    crun__chan_close(chan);
    if (lua_toboolean(L, 2))
        discard(L, chan);
    return 0;
}

/* --- state --------------------------------------------------------------------------------- */

int crun__queue_l_qsize(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)crun__chan_inside(crun__queue_self(L)->chan));
    return 1;
}

int crun__queue_l_maxsize(lua_State *L)
{
    size_t capacity = crun__queue_self(L)->chan->capacity;
    lua_pushinteger(L, capacity == CRUN_UNBOUNDED ? 0 : (lua_Integer)capacity);
    return 1;
}

int crun__queue_l_empty(lua_State *L)
{
    lua_pushboolean(L, crun__chan_inside(crun__queue_self(L)->chan) == 0);
    return 1;
}

int crun__queue_l_full(lua_State *L)
{
    lua_pushboolean(L, crun__chan_full(crun__queue_self(L)->chan));
    return 1;
}

int crun__queue_l_closed(lua_State *L)
{
    lua_pushboolean(L, crun__queue_self(L)->chan->closed);
    return 1;
}

int crun__queue_l_tostring(lua_State *L)
{
    const lqueue *q = crun__queue_self(L);
    const crun_chan *chan = q->chan;
    const char *name = q->object.class->name, *state = chan->closed ? ", closed" : "";
    LUAI_UACINT count = (LUAI_UACINT)crun__chan_inside(chan);
    if (chan->capacity == CRUN_UNBOUNDED)
        lua_pushfstring(L, "%s: %I items%s", name, count, state);
    else
        lua_pushfstring(L, "%s: %I/%I items%s", name, count, (LUAI_UACINT)chan->capacity, state);
    return 1;
}

/* Nobody waits any more: who waits keeps the object on its stack. */
int crun__queue_l_gc(lua_State *L)
{
    lqueue *q = crun__queue_test(L, 1);
    if (!q || !q->chan)
        return 0;
    if (q->chan == &q->own)
        crun__chan_fini(q->chan);
    else
        crun_chan_release(q->chan);
    /* While the state is being closed, others may still come: they find it closed. */
    q->chan = &q->own;
    q->own.closed = true;
    return 0;
}

const luaL_Reg crun__queue_metamethods[] = {
    {"__len", crun__queue_l_qsize},
    {"__tostring", crun__queue_l_tostring},
    {"__close", crun__queue_l_close},
    {"__gc", crun__queue_l_gc},
    {NULL, NULL},
};
