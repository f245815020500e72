/*
 * SPDX-License-Identifier: MIT
 *
 * Queue: a channel of Lua values.
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

#include <stdio.h>

static inline lqueue *check(lua_State *L)
{
    lqueue *q = crun__object_test(L, 1, &crun__queue_class);
    return q ? q : crun__object_check(L, 1, &crun__queue_class);
}

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_chan *chan = wait->object;
    if (chan->capacity == CRUN_UNBOUNDED)
        (void)snprintf(text, size, "%s (%zu items)", wait->type->verb, chan->count);
    else
        (void)snprintf(text, size, "%s (%zu of %zu items)", wait->type->verb, chan->count,
                       chan->capacity);
}

static const crun_wait_type get_type = {
    .verb = "Queue:get",
    .queue_offset = offsetof(crun_chan, getters),
    .describe = describe,
    .give = crun__queue_give,
};

static const crun_wait_type put_type = {
    .verb = "Queue:put",
    .queue_offset = offsetof(crun_chan, putters),
    .describe = describe,
    .take = crun__queue_take,
};

static const crun_wait_type join_type = {
    .verb = "Queue:join",
    .queue_offset = offsetof(crun_chan, joiners),
    .describe = describe,
};

/* --- put ---------------------------------------------------------------------------------- */

/* Gives the value at index 2, on top, to a waiting getter. */
static void put_to_getter(lua_State *L, crun_chan *chan)
{
    crun_value value;
    if (!chan->hosted) {
        crun__queue_export(L, &value);
    } else if (!crun__value_read(L, 2, &value)) {
        value.type = CRUN_HOST;
        value.as.pointer = L;
    }
    chan->unfinished++;
    crun__chan_give(chan, &value);
}

static void put_into_ring(lua_State *L, crun_chan *chan)
{
    crun_value value;
    if (crun__chan_prepare(chan) < 0)
        luaL_error(L, "not enough memory");
    if (!chan->hosted) {
        crun__queue_export(L, &value);
    } else if (!crun__value_read(L, 2, &value)) {
        value.type = CRUN_HOST;
        value.as.integer = crun__queue_anchor(L);
    }
    chan->unfinished++;
    crun__chan_store(chan, &value);
}

/* The value at index 2, on top, made ready for `take`. */
static void put_aside(lua_State *L, const crun_chan *chan)
{
    crun_value value;
    if (!chan->hosted) {
        crun__queue_export(L, &value);
        if (value.type != CRUN_BYTES)
            return;
        lua_pushlightuserdata(L, value.as.bytes);
    } else {
        if (crun__value_read(L, 2, &value))
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

/* Index 2 holds the value, on top. Returns: whether it was put at once. */
static bool put_now(lua_State *L, crun_chan *chan)
{
    if (!crun__waitq_empty(&chan->getters))
        put_to_getter(L, chan);
    else if (!crun__chan_full(chan))
        put_into_ring(L, chan);
    else
        return false;
    return true;
}

/* Apart, so that a put that need not wait saves no registers for it. */
__attribute__((noinline)) static int put_park(lua_State *L, crun_chan *chan, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    put_aside(L, chan);
    crun__wait_begin(self, &put_type, chan);
    return crun__lua_park(L, self, deadline, 0, put_finish);
}

/* queue:put(value [, seconds]) -> true | nil, message, "ETIMEDOUT" | "ECLOSED". May wait. */
static int l_put(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    crun_time deadline = crun__lua_last_deadline(L, 3);
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    if (put_now(L, chan)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    return put_park(L, chan, deadline);
}

/* queue:put_nowait(value) -> true | nil, message, "EAGAIN" | "ECLOSED". */
static int l_put_nowait(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    lua_settop(L, 2);
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    if (!put_now(L, chan))
        return crun__lua_fail(L, CRUN_EAGAIN);
    lua_pushboolean(L, 1);
    return 1;
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

static int get_now(lua_State *L, crun_chan *chan)
{
    crun_value value;
    crun__chan_take(chan, &value);
    if (value.type == CRUN_INTEGER)
        lua_pushinteger(L, value.as.integer);
    else
        crun__queue_push(L, &value);
    return 1;
}

static int get_park(lua_State *L, crun_chan *chan, crun_time deadline, lua_KFunction finish)
{
    crun_task *self = crun__lua_self(L);
    crun__wait_begin(self, &get_type, chan);
    return crun__lua_park(L, self, deadline, !chan->hosted, finish);
}

/* queue:get([seconds]) -> value | nil, message, "ETIMEDOUT" | "ECLOSED". May wait. */
static int l_get(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    crun_time deadline = crun__lua_last_deadline(L, 2);
    if (crun__chan_can_get(chan))
        return get_now(L, chan);
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    return get_park(L, chan, deadline, get_finish);
}

/* queue:get_nowait() -> value | nil, message, "EAGAIN" | "ECLOSED". */
static int l_get_nowait(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    if (crun__chan_can_get(chan))
        return get_now(L, chan);
    return crun__lua_fail(L, chan->closed ? CRUN_ECLOSED : CRUN_EAGAIN);
}

void crun__queue_get_now(lua_State *L, crun_chan *chan)
{
    get_now(L, chan);
}

bool crun__queue_put_now(lua_State *L, crun_chan *chan)
{
    return put_now(L, chan);
}

/* --- iteration ---------------------------------------------------------------------------- */

/* A nil would end the loop as if the queue were closed; it goes back to its place. */
static int refuse_nil(lua_State *L, crun_chan *chan)
{
    if (crun__chan_prepare(chan) == 0) {
        chan->ring[--chan->head & chan->mask] = (crun_value){.type = CRUN_NIL};
        chan->count++;
    }
    return luaL_error(L, "a nil item ends a for loop: fetch it with get");
}

static int iter_value(lua_State *L, crun_chan *chan)
{
    return lua_isnil(L, -1) ? refuse_nil(L, chan) : 1;
}

static int iter_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return 0;
    fetch_given(L);
    return iter_value(L, check(L)->chan);
}

static int iter_next(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    if (crun__chan_can_get(chan)) {
        get_now(L, chan);
        return iter_value(L, chan);
    }
    if (chan->closed)
        return 0;
    return get_park(L, chan, CRUN_FOREVER, iter_finish);
}

/* for value in queue:iter() do: until the queue is closed and empty. Waits in each step. */
static int l_iter(lua_State *L)
{
    check(L);
    lua_pushcfunction(L, iter_next);
    lua_pushvalue(L, 1);
    return 2;
}

/* --- the rest ----------------------------------------------------------------------------- */

/* queue:task_done(): one of the items taken has been worked on. */
static int l_task_done(lua_State *L)
{
    if (crun__chan_task_done(check(L)->chan) < 0)
        return luaL_error(L, "task_done was called more often than items were put");
    return 0;
}

static int join_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/* queue:join([seconds]) -> true once all items are done | nil, message, "ETIMEDOUT". May wait. */
static int l_join(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    crun_time deadline = crun__lua_deadline(L, 2);
    if (chan->unfinished == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    crun_task *self = crun__lua_self(L);
    crun__wait_begin(self, &join_type, chan);
    return crun__lua_park(L, self, deadline, 0, join_finish);
}

static void discard(lua_State *L, crun_chan *chan)
{
    crun_value value;
    while (chan->count > 0) {
        crun__chan_take(chan, &value);
        crun__queue_push(L, &value);
        lua_pop(L, 1);
        crun__chan_task_done(chan);
    }
}

/* queue:close([discard]): later puts fail; gets take what is left, unless it is to be dropped. */
static int l_close(lua_State *L)
{
    crun_chan *chan = check(L)->chan;
    crun__chan_close(chan);
    if (lua_toboolean(L, 2))
        discard(L, chan);
    return 0;
}

static int l_qsize(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->chan->count);
    return 1;
}

static int l_maxsize(lua_State *L)
{
    size_t capacity = check(L)->chan->capacity;
    lua_pushinteger(L, capacity == CRUN_UNBOUNDED ? 0 : (lua_Integer)capacity);
    return 1;
}

static int l_empty(lua_State *L)
{
    lua_pushboolean(L, check(L)->chan->count == 0);
    return 1;
}

static int l_full(lua_State *L)
{
    lua_pushboolean(L, crun__chan_full(check(L)->chan));
    return 1;
}

static int l_closed(lua_State *L)
{
    lua_pushboolean(L, check(L)->chan->closed);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const crun_chan *chan = check(L)->chan;
    const char *state = chan->closed ? ", closed" : "";
    if (chan->capacity == CRUN_UNBOUNDED)
        lua_pushfstring(L, "crun.Queue: %I items%s", (LUAI_UACINT)chan->count, state);
    else
        lua_pushfstring(L, "crun.Queue: %I/%I items%s", (LUAI_UACINT)chan->count,
                        (LUAI_UACINT)chan->capacity, state);
    return 1;
}

/* Nobody waits any more: who waits keeps the Queue on its stack. */
static int l_gc(lua_State *L)
{
    lqueue *q = crun__object_test(L, 1, &crun__queue_class);
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

/* Queue([maxsize]) -> Queue; without maxsize, or with 0, it is unbounded. */
static int l_queue(lua_State *L)
{
    lua_Integer maxsize = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, maxsize >= 0, 1, "a maxsize >= 0 expected");
    lqueue *q = crun__object_new(L, &crun__queue_class);
    crun__chan_init(&q->own, maxsize == 0 ? CRUN_UNBOUNDED : (size_t)maxsize);
    q->own.hosted = true;
    q->chan = &q->own;
    return 1;
}

void crun_lua_pushchan(lua_State *L, crun_chan *chan)
{
    lqueue *q = crun__object_new(L, &crun__queue_class);
    q->chan = crun_chan_retain(chan);
}

crun_chan *crun_lua_tochan(lua_State *L, int index)
{
    const lqueue *q = crun__object_test(L, index, &crun__queue_class);
    return q && q->chan != &q->own ? q->chan : NULL;
}

static const luaL_Reg methods[] = {
    {"put", l_put},
    {"get", l_get},
    {"put_nowait", l_put_nowait},
    {"get_nowait", l_get_nowait},
    {"iter", l_iter},
    {"task_done", l_task_done},
    {"join", l_join},
    {"close", l_close},
    {"closed", l_closed},
    {"qsize", l_qsize},
    {"maxsize", l_maxsize},
    {"empty", l_empty},
    {"full", l_full},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__len", l_qsize}, {"__tostring", l_tostring}, {"__close", l_close}, {"__gc", l_gc},
    {NULL, NULL},
};

const crun__class crun__queue_class = {"crun.Queue", methods, metamethods, sizeof(lqueue), 1};

void crun__open_queue(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Queue", l_queue}, {NULL, NULL}};
    crun__class_open(L, &crun__queue_class, 0);
    crun__open_functions(L, functions);
}
