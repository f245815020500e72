/*
 * SPDX-License-Identifier: MIT
 *
 * Queue: a channel of Lua values. And the putting and getting of its kin, LifoQueue among them.
 *
 * Numbers, booleans and nil lie in the channel's ring as they are, which spares them two table
 * accesses each; everything else is anchored in a table and the ring holds its key. A value for a
 * task that waits is pushed onto the stack of the coroutine in which it waits, where its finish
 * function finds it on top; a task that waits to put has its value, or the key of it, there.
 *
 * A Queue may also be the face of a channel of the host's, whose other end is in C. It takes only
 * what C understands, and strings are copied.
 */
#include "lqueue.h"

/* --- put ---------------------------------------------------------------------------------- */

/* The value at index 2 for the ring. */
static inline void store_value(lua_State *L, crun_value *value, bool hosted)
{
    if (!hosted) {
        crun__queue_export(L, value);
    } else if (!crun__value_read(L, 2, value)) {
        value->type = CRUN_HOST;
        value->as.integer = crun__queue_anchor(L);
    }
}

/* Gives the value at index 2, on top, to a waiting getter. */
static inline void put_to_getter(lua_State *L, crun_chan *chan, bool hosted)
{
    crun_value value;
    if (!hosted) {
        crun__queue_export(L, &value);
    } else if (!crun__value_read(L, 2, &value)) {
        value.type = CRUN_HOST;
        value.as.pointer = L;
    }
    chan->unfinished++;
    crun__chan_give(chan, &value);
}

void crun__queue_hand(lua_State *L, crun_chan *chan)
{
    put_to_getter(L, chan, chan->hosted);
}

void crun__queue_put_back(lua_State *L, crun_chan *chan)
{
    crun_value value;
    if (!crun__waitq_empty(&chan->getters)) {
        put_to_getter(L, chan, chan->hosted);
        chan->unfinished--;
        return;
    }
    store_value(L, &value, chan->hosted);
    if (crun__chan_return(chan, &value) == 0)
        return;
    if (value.type == CRUN_HOST)
        crun__queue_unanchor(L, (int)value.as.integer, false);
    else if (value.type == CRUN_BYTES)
        crun_bytes_release(value.as.bytes);
    luaL_error(L, "not enough memory");
}

static inline void put_into_ring(lua_State *L, crun_chan *chan, bool hosted)
{
    crun_value value;
    if (crun__chan_prepare(chan) < 0)
        luaL_error(L, "not enough memory");
    store_value(L, &value, hosted);
    chan->unfinished++;
    crun__chan_store(chan, &value);
}

/* Index 2 holds the value, on top. Returns: whether it was put at once. */
static inline bool put_now(lua_State *L, crun_chan *chan, bool hosted)
{
    if (!crun__waitq_empty(&chan->getters))
        put_to_getter(L, chan, hosted);
    else if (!crun__chan_full(chan))
        put_into_ring(L, chan, hosted);
    else
        return false;
    return true;
}

/* The value at index 2, on top, made ready for `take`. */
static void put_aside(lua_State *L, const crun_chan *chan)
{
    if (!chan->hosted) {
        crun_value value;
        crun__queue_export(L, &value);
        if (value.type != CRUN_BYTES)
            return;
        lua_pushlightuserdata(L, value.as.bytes);
    } else {
        if (crun__value_plain(L, 2))
            return;
        lua_pushinteger(L, crun__queue_anchor(L));
    }
    lua_pushlightuserdata(L, CRUN__QUEUE_MARK);
}

/* Takes back what put_aside made when nobody has taken it. */
static void put_back(lua_State *L)
{
    if (lua_gettop(L) < 4)
        return;
    if (lua_isinteger(L, 3))
        crun__queue_unanchor(L, (int)lua_tointeger(L, 3), false);
    else
        crun_bytes_release(lua_touserdata(L, 3));
}

static int put_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    if (crun__lua_code(L) < 0)
        put_back(L);
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/* Apart, so that a put that need not wait saves no registers for it. */
__attribute__((noinline)) static int put_park(lua_State *L, crun_chan *chan,
                                              const crun_wait_type *type, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    put_aside(L, chan);
    crun__wait_begin(self, type, chan);
    return crun__lua_park(L, self, deadline, 0, put_finish);
}

static int handed_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    lua_pushboolean(L, 1);
    return 1;
}

/*
 * The value has been handed over where there is no room. The receiver has it once it has run, which
 * it does before whoever becomes ready now; a cancel that comes meanwhile changes nothing.
 */
static int handed(lua_State *L)
{
    return crun__lua_give_way(L, crun__hub->current, handed_finish);
}

int crun__queue_put(lua_State *L, lqueue *q, crun_time deadline)
{
    crun_chan *chan = q->chan;
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    bool rendezvous = chan->capacity == 0 && deadline != CRUN_NOWAIT;
    if (!put_now(L, chan, chan->hosted))
        return put_park(L, chan, &crun__queue_kind_of(q)->put, deadline);
    if (rendezvous && crun__hub->current)
        return handed(L);
    lua_pushboolean(L, 1);
    return 1;
}

int crun__queue_put_nowait(lua_State *L, lqueue *q)
{
    crun_chan *chan = q->chan;
    if (chan->order == CRUN__RANKED)
        return crun__queue_put_ranked(L, q);
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    if (!put_now(L, chan, chan->hosted))
        return crun__lua_fail(L, CRUN_EAGAIN);
    lua_pushboolean(L, 1);
    return 1;
}

/* queue:put(value [, seconds]) -> true | nil, message, "ETIMEDOUT" | "ECLOSED". May wait. */
static int l_put(lua_State *L)
{
    lqueue *q = crun__queue_check(L, &crun__queue_fifo);
    crun_time deadline = crun__lua_last_deadline(L, 3);
    crun_chan *chan = q->chan;
    if (!chan->hosted)
        return crun__queue_put(L, q, deadline);
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    if (!put_now(L, chan, true))
        return put_park(L, chan, &crun__queue_fifo.put, deadline);
    lua_pushboolean(L, 1);
    return 1;
}

/* queue:put_nowait(value) -> true | nil, message, "EAGAIN" | "ECLOSED". */
static int l_put_nowait(lua_State *L)
{
    lqueue *q = crun__queue_check(L, &crun__queue_fifo);
    lua_settop(L, 2);
    return crun__queue_put_nowait(L, q);
}

/* The same for LifoQueue. */
static int l_put_lifo(lua_State *L)
{
    lqueue *q = crun__queue_check(L, &crun__queue_lifo);
    crun_time deadline = crun__lua_last_deadline(L, 3);
    return crun__queue_put(L, q, deadline);
}

static int l_put_nowait_lifo(lua_State *L)
{
    lqueue *q = crun__queue_check(L, &crun__queue_lifo);
    lua_settop(L, 2);
    return crun__queue_put_nowait(L, q);
}

/* --- get ---------------------------------------------------------------------------------- */

/* What `give` has left on the stack becomes the one value on top. */
static void fetch_given(lua_State *L)
{
    if (lua_touserdata(L, -1) != CRUN__QUEUE_MARK)
        return;
    crun_value value = {.type = CRUN_BYTES, .as.bytes = lua_touserdata(L, -2)};
    lua_pop(L, 2);
    crun__queue_push(L, &value);
}

/* The context tells whether the channel is the host's. */
static int get_finish(lua_State *L, int status, lua_KContext foreign)
{
    (void)status;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    if (foreign)
        fetch_given(L);
    return 1;
}

static inline int push_value(lua_State *L, const crun_value *value)
{
    if (value->type == CRUN_INTEGER)
        lua_pushinteger(L, value->as.integer);
    else
        crun__queue_push(L, value);
    return 1;
}

static int get_park(lua_State *L, crun_chan *chan, const crun_wait_type *type, crun_time deadline,
                    lua_KFunction finish)
{
    crun_task *self = crun__lua_self(L);
    crun__wait_begin(self, type, chan);
    return crun__lua_park(L, self, deadline, !chan->hosted, finish);
}

void crun__queue_get_now(lua_State *L, crun_chan *chan)
{
    crun_value value;
    crun__chan_take(chan, &value);
    push_value(L, &value);
}

int crun__queue_get(lua_State *L, lqueue *q, crun_time deadline)
{
    crun_chan *chan = q->chan;
    if (crun__chan_can_get(chan)) {
        crun__queue_get_now(L, chan);
        return 1;
    }
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    return get_park(L, chan, &crun__queue_kind_of(q)->get, deadline, get_finish);
}

int crun__queue_get_nowait(lua_State *L, lqueue *q)
{
    crun_chan *chan = q->chan;
    if (!crun__chan_can_get(chan))
        return crun__lua_fail(L, chan->closed ? CRUN_ECLOSED : CRUN_EAGAIN);
    crun__queue_get_now(L, chan);
    return 1;
}

/* queue:get([seconds]) -> value | nil, message, "ETIMEDOUT" | "ECLOSED". May wait. */
static int l_get(lua_State *L)
{
    lqueue *q = crun__queue_check(L, &crun__queue_fifo);
    crun_chan *chan = q->chan;
    crun_time deadline = crun__lua_last_deadline(L, 2);
    if (crun__chan_can_get_fifo(chan)) {
        crun_value value;
        crun__chan_take_fifo(chan, &value);
        return push_value(L, &value);
    }
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    return get_park(L, chan, &crun__queue_fifo.get, deadline, get_finish);
}

/* The same for the other kinds. */
int crun__queue_l_get(lua_State *L)
{
    lqueue *q = crun__queue_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    return crun__queue_get(L, q, deadline);
}

/* queue:get_nowait() -> value | nil, message, "EAGAIN" | "ECLOSED". */
int crun__queue_l_get_nowait(lua_State *L)
{
    return crun__queue_get_nowait(L, crun__queue_self(L));
}

/* --- iteration ---------------------------------------------------------------------------- */

/* A nil would end the loop as if the queue were closed; it goes back to its place. */
static int iter_value(lua_State *L, crun_chan *chan)
{
    if (!lua_isnil(L, -1))
        return 1;
    const crun_value nil = {.type = CRUN_NIL};
    if (crun__chan_return(chan, &nil) < 0)
        return luaL_error(L, "not enough memory");
    return luaL_error(L, "a nil item ends a for loop: fetch it by itself");
}

static int iter_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return 0;
    fetch_given(L);
    return iter_value(L, crun__queue_test(L, 1)->chan);
}

static int iter_next(lua_State *L)
{
    lqueue *q = crun__queue_self(L);
    if (crun__chan_can_get(q->chan)) {
        crun__queue_get_now(L, q->chan);
        return iter_value(L, q->chan);
    }
    if (q->chan->closed)
        return 0;
    return get_park(L, q->chan, &crun__queue_kind_of(q)->get, CRUN_FOREVER, iter_finish);
}

/* for value in queue:iter() do: until the queue is closed and empty. Waits in each step. */
int crun__queue_l_iter(lua_State *L)
{
    crun__queue_self(L);
    lua_pushcfunction(L, iter_next);
    lua_pushvalue(L, 1);
    return 2;
}

/* --- Queue and LifoQueue ------------------------------------------------------------------- */

/* Queue([maxsize]) -> Queue; without maxsize, or with 0, it is unbounded. */
static int l_queue(lua_State *L)
{
    crun__queue_new(L, &crun__queue_fifo, crun__queue_maxsize(L, 1), CRUN__FIFO);
    return 1;
}

/* LifoQueue([maxsize]) -> LifoQueue: the same with the newest item first. */
static int l_lifo(lua_State *L)
{
    crun__queue_new(L, &crun__queue_lifo, crun__queue_maxsize(L, 1), CRUN__LIFO);
    return 1;
}

void crun_lua_pushchan(lua_State *L, crun_chan *chan)
{
    lqueue *q = crun__object_new(L, &crun__queue_fifo.class);
    q->chan = crun_chan_retain(chan);
}

crun_chan *crun_lua_tochan(lua_State *L, int index)
{
    const lqueue *q = crun__object_test(L, index, &crun__queue_fifo.class);
    return q && q->chan != &q->own ? q->chan : NULL;
}

static const luaL_Reg fifo_methods[] = {
    {"put", l_put},
    {"get", l_get},
    {"put_nowait", l_put_nowait},
    {"get_nowait", crun__queue_l_get_nowait},
    CRUN__QUEUE_METHODS,
};

static const luaL_Reg lifo_methods[] = {
    {"put", l_put_lifo},
    {"get", crun__queue_l_get},
    {"put_nowait", l_put_nowait_lifo},
    {"get_nowait", crun__queue_l_get_nowait},
    CRUN__QUEUE_METHODS,
};

const crun__queue_kind crun__queue_fifo = {
    .class = {"crun.Queue", fifo_methods, crun__queue_metamethods, sizeof(lqueue), 1},
    CRUN__QUEUE_WAITS("Queue", "get", "put"),
};

const crun__queue_kind crun__queue_lifo = {
    .class = {"crun.LifoQueue", lifo_methods, crun__queue_metamethods, sizeof(lqueue), 1},
    CRUN__QUEUE_WAITS("LifoQueue", "get", "put"),
};

void crun__open_queue(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Queue", l_queue}, {"LifoQueue", l_lifo}, {NULL, NULL}};
    crun__queue_open(L, &crun__queue_fifo);
    crun__queue_open(L, &crun__queue_lifo);
    crun__open_functions(L, functions);
}
