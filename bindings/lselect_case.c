/*
 * SPDX-License-Identifier: MIT
 *
 * The cases of a select: what there is to wait for, and how a list of them is read.
 */
#include <math.h>
#include <string.h>

#include "lfuture.h"
#include "llock.h"
#include "lqueue.h"
#include "lselect.h"
#include "lstream.h"

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

static const crun__case_type get_type = RECEIVING("get on Queue");
static const crun__case_type put_type = SENDING("put on Queue");
static const crun__case_type recv_type = RECEIVING("recv on Channel");
static const crun__case_type send_type = SENDING("send on Channel");

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

/* --- kinds -------------------------------------------------------------------------------- */

/* What can be awaited of an object. */
typedef struct kind {
    const char *name;
    struct {
        const char *verb;
        const crun__case_type *type;
    } ways[2];
    bool bare; /* the verb may be left out */
} kind;

static const kind queue_kind = {"Queue", {{"get", &get_type}, {"put", &put_type}}, false};
static const kind channel_kind = {"Channel", {{"recv", &recv_type}, {"send", &send_type}}, false};
static const kind lock_kind = {"Lock", {{"acquire", &crun__case_lock}}, true};
static const kind sem_kind = {"Semaphore", {{"acquire", &crun__case_sem}}, true};
static const kind event_kind = {"Event", {{"wait", &crun__case_event}}, true};
static const kind task_kind = {"Task", {{"get", &crun__case_task}}, true};
static const kind future_kind = {"Future", {{"get", &crun__case_future}}, true};
static const kind stream_kind = {"Stream", {{"read", &crun__case_read}}, false};

/* The kind of the object at the index, and what its watch stands in line at; or NULL. */
static const kind *kind_of(lua_State *L, int index, void **object)
{
    lqueue *q = crun__queue_test(L, index);
    if (q) {
        *object = q->chan;
        return crun__queue_kind_of(q) == &crun__queue_channel ? &channel_kind : &queue_kind;
    }
    if ((*object = crun__ltask_test(L, index)))
        return &task_kind;
    lfuture *f = crun__lfuture_test(L, index);
    if (f)
        return *object = &f->future, &future_kind;
    if ((*object = crun__levent_test(L, index)))
        return &event_kind;
    if ((*object = crun__lsem_test(L, index)))
        return &sem_kind;
    llock *l = crun__llock_test(L, index);
    if (l)
        return *object = &l->lock, &lock_kind;
    lstream *stream = crun__object_test(L, index, &crun__stream_class);
    if (stream)
        return *object = stream->opened.stream, &stream_kind;
    return NULL;
}

/* --- reading ------------------------------------------------------------------------------ */

int crun__lselect_bad(lua_State *L, size_t place, const char *what)
{
    what = lua_pushfstring(L, "case %I: %s", (LUAI_UACINT)place + 1, what);
    return luaL_argerror(L, LSELECT_LIST, what);
}

/* The value at the index in quotes if it is a string. */
static const char *shown(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    const char *text = luaL_tolstring(L, index, NULL);
    return lua_type(L, index) == LUA_TSTRING ? lua_pushfstring(L, "'%s'", text) : text;
}

static int bad_verb(lua_State *L, const kind *k, size_t place, int verb)
{
    const char *other = k->ways[1].verb;
    const char *got = lua_isnoneornil(L, verb) ? "nothing" : shown(L, verb);
    const char *ways = other ? lua_pushfstring(L, "'%s' or '%s'", k->ways[0].verb, other)
                             : lua_pushfstring(L, "'%s'", k->ways[0].verb);
    return crun__lselect_bad(L, place,
                             lua_pushfstring(L, "a %s is for %s, not for %s", k->name, ways, got));
}

/* The verb is on top. */
static const crun__case_type *way_of(lua_State *L, const kind *k, size_t place)
{
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *verb = lua_tostring(L, -1);
        for (size_t i = 0; i < 2 && k->ways[i].verb; i++)
            if (strcmp(verb, k->ways[i].verb) == 0)
                return k->ways[i].type;
    } else if (lua_isnil(L, -1) && k->bare) {
        return k->ways[0].type;
    }
    bad_verb(L, k, place, lua_gettop(L));
    return NULL;
}

/* Raises for what stands in the case at the index behind its last element, or beside them. */
static void check_rest(lua_State *L, int index, size_t place, lua_Integer last, lua_Integer most)
{
    lua_pushinteger(L, last);
    while (lua_next(L, index)) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > most) {
            const char *key = shown(L, -2);
            crun__lselect_bad(L, place, lua_pushfstring(L, "unknown element %s", key));
        }
        lua_pop(L, 1);
    }
}

/* The timer's seconds are on top. */
static void read_timer(lua_State *L, lselect *s, int index, size_t place)
{
    lua_Number seconds = lua_tonumber(L, -1);
    if (isnan(seconds))
        crun__lselect_bad(L, place, "seconds expected, got nan");
    crun__case_set_timer(&s->cases[place], &s->base, crun_deadline(crun__hub, seconds));
    check_rest(L, index, place, 1, 1);
}

/* Checked here, since later on there would be other cases to be put right. */
static void read_value(lua_State *L, lselect *s, int index, size_t place)
{
    const crun_chan *chan = s->cases[place].object;
    int type = lua_rawgeti(L, index, 3);
    if (!chan->hosted && type > LUA_TSTRING)
        crun__lselect_bad(L, place,
                          lua_pushfstring(L, "a %s cannot be sent to C", lua_typename(L, type)));
    lua_replace(L, crun__lselect_value(place));
    s->cases[place].value.type = CRUN_NIL;
    s->sends = true;
}

/* Its object is on top. */
static void read_object(lua_State *L, lselect *s, int index, size_t place)
{
    void *object;
    const kind *k = kind_of(L, -1, &object);
    if (!k)
        crun__lselect_bad(L, place, lua_pushfstring(L, "cannot wait for %s", shown(L, -1)));
    bool bare = lua_rawgeti(L, index, 2) == LUA_TNIL;
    const crun__case_type *type = way_of(L, k, place);
    lua_pop(L, 1);
    lua_replace(L, crun__lselect_object(place));
    crun__case_set(&s->cases[place], &s->base, type, object);
    bool sends = type->wait.take;
    if (sends)
        read_value(L, s, index, place);
    else
        s->cases[place].value.as.boolean = !bare;
    check_rest(L, index, place, bare ? 1 : 2, sends ? 3 : 2);
}

/* A case, or what stands in its place, is at the index, on top. */
static void read_case(lua_State *L, lselect *s, int index, size_t place)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) {
        crun__case_set(&s->cases[place], &s->base, &crun__case_never, NULL);
        return;
    }
    if (!lua_istable(L, index))
        crun__lselect_bad(L, place, lua_pushfstring(L, "table expected, got %s", shown(L, index)));
    if (lua_rawgeti(L, index, 1) == LUA_TNUMBER)
        read_timer(L, s, index, place);
    else
        read_object(L, s, index, place);
    lua_settop(L, index);
}

static int bad_option(lua_State *L, const char *expected)
{
    const char *key = lua_tostring(L, -2), *got = shown(L, -1);
    return luaL_argerror(L, LSELECT_LIST,
                         lua_pushfstring(L, "%s: %s expected, got %s", key, expected, got));
}

/* The option's key is below its value, which is on top. */
static void read_option(lua_State *L, lselect *s)
{
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcmp(key, "timeout") == 0) {
        if (lua_type(L, -1) != LUA_TNUMBER || isnan(lua_tonumber(L, -1)))
            bad_option(L, "seconds");
        s->base.deadline = crun_deadline(crun__hub, lua_tonumber(L, -1));
    } else if (strcmp(key, "default") == 0) {
        if (!lua_isboolean(L, -1))
            bad_option(L, "true or false");
        s->with_default = lua_toboolean(L, -1);
    } else {
        luaL_argerror(L, LSELECT_LIST, lua_pushfstring(L, "unknown option %s", shown(L, -2)));
    }
}

static void check_whole(lua_State *L, const lselect *s, size_t found)
{
    for (size_t i = 0; found < s->base.count; i++)
        if (lua_rawgeti(L, LSELECT_LIST, (lua_Integer)i + 1) == LUA_TNIL)
            crun__lselect_bad(L, i, "table expected, got nil");
    if (s->base.count == 0 && !s->with_default && s->base.deadline == CRUN_FOREVER)
        luaL_argerror(L, LSELECT_LIST, "nothing to wait for: no case, no timeout, no default");
}

void crun__lselect_read(lua_State *L, lselect *s, size_t count)
{
    crun__select_init(&s->base, s->cases, count, CRUN_FOREVER);
    s->with_default = s->sends = false;
    int key = crun__lselect_object(count);
    luaL_checkstack(L, key + LUA_MINSTACK, "too many cases");
    lua_settop(L, key - 1);
    size_t found = 0;
    for (lua_pushnil(L); lua_next(L, LSELECT_LIST); lua_pop(L, 1)) {
        lua_Integer place = lua_isinteger(L, key) ? lua_tointeger(L, key) : 0;
        if (place < 1 || place > (lua_Integer)count) {
            read_option(L, s);
            continue;
        }
        read_case(L, s, key + 1, (size_t)place - 1);
        found++;
    }
    check_whole(L, s, found);
}
