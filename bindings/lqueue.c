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
#include <stdio.h>
#include <stdlib.h>

#include "../runtime/chan.h"
#include "bind.h"

typedef struct lqueue {
    crun__object object;
    crun_chan *chan; /* NULL once it has been finalized */
    crun_chan own;   /* unless it is the host's */
} lqueue;

static const crun__class queue_class;

static inline lqueue *check(lua_State *L)
{
    lqueue *q = crun__object_test(L, 1, &queue_class);
    return q ? q : crun__object_check(L, 1, &queue_class);
}

/* --- values ------------------------------------------------------------------------------- */

/* A scalar as a value; anything else is left to the caller. */
static inline bool scalar(lua_State *L, int index, crun_value *value)
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

static inline bool push_scalar(lua_State *L, const crun_value *value)
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
static int anchor(lua_State *L)
{
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, 1);
    }
    lua_pushvalue(L, 2);
    int key = luaL_ref(L, -2);
    lua_pop(L, 1);
    return key;
}

static void unanchor(lua_State *L, int key, bool push)
{
    lua_getiuservalue(L, 1, 1);
    if (push)
        lua_rawgeti(L, -1, key);
    luaL_unref(L, push ? -2 : -1, key);
    if (push)
        lua_remove(L, -2);
    else
        lua_pop(L, 1);
}

/* The value at index 2 for a channel of the host's. */
static void export(lua_State *L, crun_value *value)
{
    if (scalar(L, 2, value))
        return;
    size_t size;
    if (lua_type(L, 2) == LUA_TLIGHTUSERDATA) {
        value->type = CRUN_POINTER;
        value->as.pointer = lua_touserdata(L, 2);
        return;
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_argerror(L, 2, lua_pushfstring(L, "a %s cannot be sent to C", luaL_typename(L, 2)));
    const char *data = lua_tolstring(L, 2, &size);
    value->type = CRUN_BYTES;
    value->as.bytes = crun_bytes_new(data, size);
    if (!value->as.bytes)
        luaL_error(L, "not enough memory");
}

static int to_string(lua_State *L)
{
    const crun_bytes *bytes = lua_touserdata(L, 1);
    lua_pushlstring(L, bytes->data, bytes->size);
    return 1;
}

/* The bytes are released even when there is no memory for the string. */
static void push_bytes(lua_State *L, crun_bytes *bytes)
{
    lua_pushcfunction(L, to_string);
    lua_pushlightuserdata(L, bytes);
    int status = lua_pcall(L, 1, 1, 0);
    crun_bytes_release(bytes);
    if (status != LUA_OK)
        lua_error(L);
}

/* Pushes a value that came out of the ring, or from a task that waited. */
static void push_stored(lua_State *L, const crun_value *value)
{
    if (push_scalar(L, value))
        return;
    if (value->type == CRUN_HOST) {
        unanchor(L, (int)value->as.integer, true);
        return;
    }
    push_bytes(L, value->as.bytes);
}

/* --- values of tasks that wait ------------------------------------------------------------ */

/*
 * Nothing here may allocate: it runs on behalf of the other side. So bytes for a Lua task that
 * waits arrive as their address, with a second value below the top to tell (see fetch_given).
 */
static void give(crun_wait *wait, const crun_value *value)
{
    lua_State *to = crun__ltask_where(crun__task_of_wait(wait));
    if (value->type == CRUN_HOST) {
        lua_xmove(value->as.pointer, to, 1);
    } else if (value->type == CRUN_BYTES) {
        lua_pushlightuserdata(to, value->as.bytes);
        lua_pushlightuserdata(to, (void *)&queue_class);
    } else {
        push_scalar(to, value);
    }
}

/* A key of the table, or bytes, are marked by a second value on top of them. */
static void take(crun_wait *wait, crun_value *value)
{
    lua_State *from = crun__ltask_where(crun__task_of_wait(wait));
    if (lua_touserdata(from, -1) == (const void *)&queue_class) {
        value->type = lua_isinteger(from, -2) ? CRUN_HOST : CRUN_BYTES;
        if (value->type == CRUN_HOST)
            value->as.integer = lua_tointeger(from, -2);
        else
            value->as.bytes = lua_touserdata(from, -2);
    } else if (!scalar(from, -1, value)) {
        value->type = CRUN_POINTER;
        value->as.pointer = lua_touserdata(from, -1);
    }
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
    .give = give,
};

static const crun_wait_type put_type = {
    .verb = "Queue:put",
    .queue_offset = offsetof(crun_chan, putters),
    .describe = describe,
    .take = take,
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
        export(L, &value);
    } else if (!scalar(L, 2, &value)) {
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
        export(L, &value);
    } else if (!scalar(L, 2, &value)) {
        value.type = CRUN_HOST;
        value.as.integer = anchor(L);
    }
    chan->unfinished++;
    crun__chan_store(chan, &value);
}

/* The value at index 2, on top, made ready for `take`. */
static void put_aside(lua_State *L, const crun_chan *chan)
{
    crun_value value;
    if (!chan->hosted) {
        export(L, &value);
        if (value.type != CRUN_BYTES)
            return;
        lua_pushlightuserdata(L, value.as.bytes);
    } else {
        if (scalar(L, 2, &value))
            return;
        lua_pushinteger(L, anchor(L));
    }
    lua_pushlightuserdata(L, (void *)&queue_class);
}

/* Takes back what put_aside made when nobody has taken it. */
static void put_back(lua_State *L)
{
    if (lua_gettop(L) < 4)
        return;
    if (lua_isinteger(L, 3))
        unanchor(L, (int)lua_tointeger(L, 3), false);
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
    if (lua_touserdata(L, -1) != (const void *)&queue_class)
        return;
    crun_value value = {.type = CRUN_BYTES, .as.bytes = lua_touserdata(L, -2)};
    lua_pop(L, 2);
    push_stored(L, &value);
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
    push_stored(L, &value);
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
        push_stored(L, &value);
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
    lqueue *q = crun__object_test(L, 1, &queue_class);
    if (!q || !q->chan)
        return 0;
    if (q->chan == &q->own)
        crun__chan_fini(q->chan);
    else
        crun_chan_release(q->chan);
    q->chan = NULL;
    return 0;
}

/* Queue([maxsize]) -> Queue; without maxsize, or with 0, it is unbounded. */
static int l_queue(lua_State *L)
{
    lua_Integer maxsize = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, maxsize >= 0, 1, "a maxsize >= 0 expected");
    lqueue *q = crun__object_new(L, &queue_class);
    crun__chan_init(&q->own, maxsize == 0 ? CRUN_UNBOUNDED : (size_t)maxsize);
    q->own.hosted = true;
    q->chan = &q->own;
    return 1;
}

void crun_lua_pushchan(lua_State *L, crun_chan *chan)
{
    lqueue *q = crun__object_new(L, &queue_class);
    q->chan = crun_chan_retain(chan);
}

crun_chan *crun_lua_tochan(lua_State *L, int index)
{
    const lqueue *q = crun__object_test(L, index, &queue_class);
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

static const crun__class queue_class = {"crun.Queue", methods, metamethods, sizeof(lqueue), 1};

void crun__open_queue(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Queue", l_queue}, {NULL, NULL}};
    crun__class_open(L, &queue_class, 0);
    crun__open_functions(L, functions);
}
