/*
 * SPDX-License-Identifier: MIT
 *
 * How the list of a select's cases is read: what there is to wait for, and what is wrong with it.
 *
 * A program that selects in a loop has most of its time spent here: so all that the list says is
 * fetched once and left on the stack where it came to lie, and what only a mistake would show is
 * looked for last, with one step each through the list and the cases.
 */
#include <math.h>
#include <string.h>

#include "lfuture.h"
#include "llock.h"
#include "lport.h"
#include "lprocess.h"
#include "lqueue.h"
#include "lselect.h"
#include "lstream.h"

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

static const kind queue_kind = {
    "Queue", {{"get", &crun__case_get}, {"put", &crun__case_put}}, false};
static const kind channel_kind = {
    "Channel", {{"recv", &crun__case_recv}, {"send", &crun__case_send}}, false};
static const kind lock_kind = {"Lock", {{"acquire", &crun__case_lock}}, true};
static const kind sem_kind = {"Semaphore", {{"acquire", &crun__case_sem}}, true};
static const kind event_kind = {"Event", {{"wait", &crun__case_event}}, true};
static const kind task_kind = {"Task", {{"get", &crun__case_task}}, true};
static const kind future_kind = {"Future", {{"get", &crun__case_future}}, true};
static const kind process_kind = {"process", {{"wait", &crun__case_process}}, true};
static const kind connection_kind = {"Connection", {{"poll", &crun__case_port}}, true};
static const kind stream_kind = {"Stream", {{"read", &crun__case_read}}, false};

/* A Child, or the object that has it, a Popen; or NULL. */
static crun_process *process_of(lua_State *L, int index)
{
    if (!lua_istable(L, index))
        return crun__child_test(L, index);
    lua_pushvalue(L, index);
    lua_pushliteral(L, "child");
    lua_rawget(L, -2);
    crun_process *process = crun__child_test(L, -1);
    lua_pop(L, 2);
    return process;
}

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
    /* Without a stream it has been finalized. */
    if (stream && (*object = stream->opened.stream))
        return &stream_kind;
    const lport *connection = crun__object_test(L, index, &crun__connection_class);
    if (connection && (*object = connection->port))
        return &connection_kind;
    return (*object = process_of(L, index)) ? &process_kind : NULL;
}

/* --- reading ------------------------------------------------------------------------------ */

/* As luaL_argerror, whose name for the function depends on where it is found first. */
static int bad_list(lua_State *L, const char *what)
{
    return luaL_error(L, "bad argument #1 to 'select' (%s)", what);
}

int crun__lselect_bad(lua_State *L, size_t place, const char *what)
{
    return bad_list(L, lua_pushfstring(L, "case %I: %s", (LUAI_UACINT)place + 1, what));
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

/* The type of value that the verb at the index is has just been asked for. */
static inline const crun__case_type *way_of(lua_State *L, const kind *k, size_t place, int index,
                                            int type)
{
    if (type == LUA_TSTRING) {
        const char *verb = lua_tostring(L, index);
        if (strcmp(verb, k->ways[0].verb) == 0)
            return k->ways[0].type;
        if (k->ways[1].verb && strcmp(verb, k->ways[1].verb) == 0)
            return k->ways[1].type;
    } else if (type == LUA_TNIL && k->bare) {
        return k->ways[0].type;
    }
    bad_verb(L, k, place, index);
    return NULL;
}

/* Raises for whatever the case has beside its first so many elements. */
static void check_elements(lua_State *L, size_t place, lua_Integer most)
{
    int at = crun__lselect_case(place);
    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (key < 1 || key > most)
            crun__lselect_bad(L, place, lua_pushfstring(L, "unknown element %s", shown(L, -2)));
    }
}

/* `last` is there, so there is no more if nothing comes behind it, in a table as it is made. */
static inline void check_rest(lua_State *L, size_t place, lua_Integer last, lua_Integer most)
{
    lua_pushinteger(L, last);
    if (lua_next(L, crun__lselect_case(place))) {
        lua_pop(L, 2);
        check_elements(L, place, most);
    }
}

static void read_timer(lua_State *L, lselect *s, size_t place)
{
    lua_Number seconds = lua_tonumber(L, crun__lselect_object(place));
    if (isnan(seconds))
        crun__lselect_bad(L, place, "seconds expected, got nan");
    crun__case_set_timer(&s->cases[place], &s->base, crun_deadline(crun__hub, seconds));
    lua_settop(L, crun__lselect_value(place));
    check_rest(L, place, 1, 1);
}

/* Checked here, since later on there would be other cases to be put right. */
static void read_value(lua_State *L, lselect *s, size_t place)
{
    const crun_chan *chan = s->cases[place].object;
    int type = lua_rawgeti(L, crun__lselect_case(place), 3);
    if (!chan->hosted && type > LUA_TSTRING)
        crun__lselect_bad(L, place,
                          lua_pushfstring(L, "a %s cannot be sent to C", lua_typename(L, type)));
    s->cases[place].value.type = CRUN_NIL;
    s->sends = true;
}

static void read_object(lua_State *L, lselect *s, size_t place)
{
    void *object;
    int at = crun__lselect_object(place), verb = at + 1;
    const kind *k = kind_of(L, at, &object);
    if (!k)
        crun__lselect_bad(L, place, lua_pushfstring(L, "cannot wait for %s", shown(L, at)));
    int verb_type = lua_rawgeti(L, crun__lselect_case(place), 2);
    const crun__case_type *type = way_of(L, k, place, verb, verb_type);
    crun__case_set(&s->cases[place], &s->base, type, object);
    int last = verb_type == LUA_TNIL ? 1 : 2;
    if (type->wait.take) {
        read_value(L, s, place);
    } else {
        lua_pushnil(L);
        s->cases[place].value.as.boolean = last == 2;
    }
    check_rest(L, place, last, type->wait.take ? 3 : 2);
}

/* What stands in the place of a case is on top. */
static void read_no_case(lua_State *L, lselect *s, size_t place)
{
    if (!lua_isboolean(L, -1) || lua_toboolean(L, -1))
        crun__lselect_bad(L, place, lua_pushfstring(L, "table expected, got %s", shown(L, -1)));
    crun__case_set(&s->cases[place], &s->base, &crun__case_never, NULL);
    lua_settop(L, crun__lselect_value(place));
}

static void read_case(lua_State *L, lselect *s, size_t place)
{
    if (lua_rawgeti(L, LSELECT_LIST, (lua_Integer)place + 1) != LUA_TTABLE) {
        read_no_case(L, s, place);
        return;
    }
    if (lua_rawgeti(L, crun__lselect_case(place), 1) == LUA_TNUMBER)
        read_timer(L, s, place);
    else
        read_object(L, s, place);
}

/* --- options ------------------------------------------------------------------------------ */

/* Pushes the value of the option whose name is an upvalue. Returns its type. */
static int get_option(lua_State *L, int name)
{
    lua_pushvalue(L, lua_upvalueindex(name));
    return lua_rawget(L, LSELECT_LIST);
}

/* The value is on top. */
static int bad_option(lua_State *L, const char *name, const char *expected)
{
    return bad_list(L, lua_pushfstring(L, "%s: %s expected, got %s", name, expected, shown(L, -1)));
}

/* Raises for a key that is neither an option nor the number of a case. */
static void check_keys(lua_State *L, size_t count)
{
    for (lua_pushnil(L); lua_next(L, LSELECT_LIST); lua_pop(L, 1)) {
        if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0) {
            if (lua_tointeger(L, -2) > (lua_Integer)count)
                crun__lselect_bad(L, count, "table expected, got nil");
            continue;
        }
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strcmp(key, "timeout") != 0 && strcmp(key, "default") != 0)
            bad_list(L, lua_pushfstring(L, "unknown option %s", shown(L, -2)));
    }
}

static void read_options(lua_State *L, lselect *s)
{
    int type = get_option(L, LSELECT_UP_TIMEOUT);
    if (type != LUA_TNIL) {
        if (type != LUA_TNUMBER || isnan(lua_tonumber(L, -1)))
            bad_option(L, "timeout", "seconds");
        s->base.deadline = crun_deadline(crun__hub, lua_tonumber(L, -1));
    }
    type = get_option(L, LSELECT_UP_DEFAULT);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        bad_option(L, "default", "true or false");
    s->with_default = lua_toboolean(L, -1);
    lua_pop(L, 2);
}

void crun__lselect_check(lua_State *L)
{
    if (lua_type(L, LSELECT_LIST) != LUA_TTABLE)
        bad_list(L, lua_pushfstring(L, "list of cases expected, got %s", shown(L, LSELECT_LIST)));
}

void crun__lselect_read(lua_State *L, lselect *s, size_t count)
{
    crun__select_init(&s->base, s->cases, count, CRUN_FOREVER);
    s->sends = false;
    luaL_checkstack(L, crun__lselect_case(count) + LUA_MINSTACK, "too many cases");
    for (size_t place = 0; place < count; place++)
        read_case(L, s, place);
    read_options(L, s);
    if (count > 0)
        lua_pushinteger(L, (lua_Integer)count);
    else
        lua_pushnil(L);
    if (lua_next(L, LSELECT_LIST)) {
        lua_pop(L, 2);
        check_keys(L, count);
    }
    if (count == 0 && !s->with_default && s->base.deadline == CRUN_FOREVER)
        bad_list(L, "nothing to wait for: no case, no timeout, no default");
}
