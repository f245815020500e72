/*
 * SPDX-License-Identifier: MIT
 *
 * The Task object.
 */
#include <string.h>

#include "lerror.h"
#include "lgreenlet.h"
#include "lmonitor.h"
#include "lspawn.h"

/* --- access ------------------------------------------------------------------------------- */

ltask *crun__ltask_check(lua_State *L, int index)
{
    ltask *t = crun__universe ? crun__ltask_test(L, index) : NULL;
    if (!t)
        luaL_typeerror(L, index, "crun.Task");
    return t;
}

void crun__ltask_push(lua_State *L, const ltask *task)
{
    lua_State *store = crun__universe->store;
    lua_rawgeti(store, CRUN__UP_ANCHORS, task->slot);
    lua_xmove(store, L, 1);
}

void crun__ltask_box(lua_State *L, int index)
{
    ltask *t = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (t->base.flags & LTASK_BOX) {
        lua_getiuservalue(L, index, 1);
        return;
    }
    lua_createtable(L, LTASK_FIELDS, 0);
    lua_getiuservalue(L, index, 1);
    lua_rawseti(L, -2, LTASK_VALUE);
    for (int field = LTASK_VALUE + 1; field <= LTASK_FIELDS; field++) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, field);
    }
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, 1);
    crun__flag_set(&t->base, LTASK_BOX);
}

int crun__ltask_field(lua_State *L, int index, int field)
{
    const ltask *t = lua_touserdata(L, index);
    if (!(t->base.flags & LTASK_BOX)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_getiuservalue(L, index, 1);
    int type = lua_rawgeti(L, -1, field);
    lua_remove(L, -2);
    return type;
}

void crun__ltask_set_field(lua_State *L, int index, int field)
{
    crun__ltask_box(L, index);
    lua_insert(L, -2);
    lua_rawseti(L, -2, field);
    lua_pop(L, 1);
}

void crun__ltask_name(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (crun__ltask_field(L, index, LTASK_NAME) == LUA_TSTRING)
        return;
    lua_pop(L, 1);
    if (t == crun__universe->main)
        lua_pushliteral(L, "main");
    else
        lua_pushfstring(L, "task#%I", (LUAI_UACINT)t->base.id);
}

void crun__ltask_describe(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    bool named = crun__ltask_field(L, index, LTASK_NAME) == LUA_TSTRING;
    if (named)
        lua_pushfstring(L, "task#%I '%s'", (LUAI_UACINT)t->base.id, lua_tostring(L, -1));
    else if (t == crun__universe->main)
        lua_pushliteral(L, "main");
    else
        lua_pushfstring(L, "task#%I", (LUAI_UACINT)t->base.id);
    lua_remove(L, -2);
}

static const char *const status_names[] = {"new",      "ready",  "running",  "waiting",
                                           "returned", "failed", "cancelled"};

/* --- results ------------------------------------------------------------------------------ */

/* Pushes what the task left as its one value: a result or an error. */
static void push_value(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    if (t->base.flags & LTASK_BOX)
        crun__ltask_field(L, index, LTASK_VALUE);
    else
        lua_getiuservalue(L, index, 1);
}

int crun__ltask_results(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    if (t->base.status != CRUN_TASK_RETURNED || (t->base.flags & LTASK_VOID))
        return 0;
    if (!(t->base.flags & LTASK_MULTI)) {
        push_value(L, index);
        return 1;
    }
    int count = lua_gettop(t->L);
    luaL_checkstack(L, count, "too many results");
    if (!lua_checkstack(t->L, 1))
        luaL_error(L, "not enough memory");
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(t->L, i);
        lua_xmove(t->L, L, 1);
    }
    return count;
}

void crun__ltask_first_result(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    if (t->base.status != CRUN_TASK_RETURNED || (t->base.flags & LTASK_VOID)) {
        lua_pushnil(L);
    } else if (t->base.flags & LTASK_MULTI) {
        if (!lua_checkstack(t->L, 1))
            luaL_error(L, "not enough memory");
        lua_pushvalue(t->L, 1);
        lua_xmove(t->L, L, 1);
    } else {
        push_value(L, index);
    }
}

void crun__ltask_error(lua_State *L, int index)
{
    const ltask *t = lua_touserdata(L, index);
    if (t->base.flags & LTASK_VOID)
        crun__cancelled_of(L, index);
    else
        push_value(L, index);
}

/* --- waiting for the end ------------------------------------------------------------------ */

/* The task at index 1 must not be the caller. */
static crun_task *joiner(lua_State *L, const ltask *t)
{
    crun_task *self = crun__lua_self(L);
    if (&t->base == self)
        luaL_error(L, "a task cannot wait for itself");
    return self;
}

/* task:join([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_join(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    if (crun__task_ended(&t->base)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    crun_time deadline = crun__lua_deadline(L, 2);
    crun_task *self = joiner(L, t);
    crun__wait_begin(self, &crun__join_type, t);
    return crun__lua_park(L, self, deadline, 0, crun__lua_finish_true);
}

static int get_now(lua_State *L, const ltask *t)
{
    if (t->base.status == CRUN_TASK_RETURNED)
        return crun__ltask_results(L, 1);
    crun__ltask_error(L, 1);
    return lua_error(L);
}

static int get_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    return get_now(L, lua_touserdata(L, 1));
}

/* task:get([seconds]) -> its results | raises its error | nil, message, "ETIMEDOUT". May wait. */
static int l_get(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    if (crun__task_ended(&t->base))
        return get_now(L, t);
    crun_time deadline = crun__lua_deadline(L, 2);
    crun_task *self = joiner(L, t);
    crun__wait_begin(self, &crun__join_type, t);
    return crun__lua_park(L, self, deadline, 0, get_finish);
}

/* task:result() -> its results; nothing unless it has returned. */
static int l_result(lua_State *L)
{
    crun__ltask_check(L, 1);
    return crun__ltask_results(L, 1);
}

/* task:exception() -> its error or cancel error | nil. */
static int l_exception(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    if (t->base.status == CRUN_TASK_FAILED || t->base.status == CRUN_TASK_CANCELLED)
        crun__ltask_error(L, 1);
    else
        lua_pushnil(L);
    return 1;
}

/* --- ending it ---------------------------------------------------------------------------- */

/* task:cancel([reason]) -> true if it was still alive. Switches: never. */
static int l_cancel(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    lua_settop(L, 2);
    bool alive = !crun__task_ended(&t->base);
    if (alive && !(t->base.flags & CRUN__CANCEL)) {
        crun__cancelled_push(L, 2, 1, 0);
        crun__ltask_set_field(L, 1, LTASK_CANCELLED);
    }
    if (alive)
        crun_task_cancel(&t->base);
    lua_pushboolean(L, alive);
    return 1;
}

/*
 * task:throw(err) -> true if it was still alive: its next wait raises err, once. Switches: never.
 */
static int l_throw(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    luaL_checkany(L, 2);
    bool alive = !crun__task_ended(&t->base);
    if (alive) {
        lua_settop(L, 2);
        crun__ltask_set_field(L, 1, LTASK_THROWN);
        crun__flag_set(&t->base, CRUN__THROWN);
        if (t->base.status == CRUN_TASK_WAITING && !t->base.wait.type->firm)
            crun__wait_abort(&t->base.wait, CRUN_ECANCELED);
    }
    lua_pushboolean(L, alive);
    return 1;
}

/* --- looking ------------------------------------------------------------------------------ */

static int l_done(lua_State *L)
{
    lua_pushboolean(L, crun__task_ended(&crun__ltask_check(L, 1)->base));
    return 1;
}

static int l_cancelled(lua_State *L)
{
    lua_pushboolean(L, crun__ltask_check(L, 1)->base.status == CRUN_TASK_CANCELLED);
    return 1;
}

static int l_status(lua_State *L)
{
    lua_pushstring(L, status_names[crun__ltask_check(L, 1)->base.status]);
    return 1;
}

/* task:traceback() -> where it is now, or where it failed. */
static int l_traceback(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    if (crun__task_ended(&t->base)) {
        if (crun__ltask_field(L, 1, LTASK_TRACEBACK) != LUA_TSTRING)
            lua_pushliteral(L, "");
        return 1;
    }
    bool running = &t->base == crun__hub->current;
    crun__task_traceback(L, t, running ? L : NULL, running ? 1 : 0);
    return 1;
}

/* --- fields ------------------------------------------------------------------------------- */

/* Whether it may be interrupted: true or false as it was set, else nil. */
static void push_preempt(lua_State *L)
{
    if (crun__ltask_field(L, 1, LTASK_PREEMPT) == LUA_TNUMBER)
        lua_pushboolean(L, lua_tointeger(L, -1) != 0);
    else
        lua_pushnil(L);
}

static void set_preempt(lua_State *L, const ltask *t)
{
    int type = lua_type(L, 3);
    if (type != LUA_TBOOLEAN && type != LUA_TNIL)
        luaL_error(L, "a Task's preempt must be a boolean or nil, not a %s", luaL_typename(L, 3));
    if (crun__task_ended(&t->base))
        return;
    if (lua_toboolean(L, 3))
        crun__monitor_ask(L);
    if (type == LUA_TNIL)
        lua_pushboolean(L, 0);
    else
        lua_pushinteger(L, lua_toboolean(L, 3));
    crun__ltask_set_field(L, 1, LTASK_PREEMPT);
}

static int l_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    ltask *t = crun__ltask_check(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "name") == 0)
        crun__ltask_name(L, 1);
    else if (strcmp(key, "id") == 0)
        lua_pushinteger(L, (lua_Integer)t->base.id);
    else if (strcmp(key, "daemon") == 0)
        lua_pushboolean(L, crun_task_is_daemon(&t->base));
    else if (strcmp(key, "preempt") == 0)
        push_preempt(L);
    return 1;
}

static int l_newindex(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "name") == 0) {
        if (lua_type(L, 3) != LUA_TSTRING)
            return luaL_error(L, "a Task's name must be a string, not a %s", luaL_typename(L, 3));
        crun__ltask_set_field(L, 1, LTASK_NAME);
    } else if (strcmp(key, "daemon") == 0) {
        if (lua_type(L, 3) != LUA_TBOOLEAN)
            return luaL_error(L, "a Task's daemon must be a boolean, not a %s",
                              luaL_typename(L, 3));
        if (t == crun__universe->main)
            return luaL_error(L, "the main task cannot be a daemon");
        crun_task_set_daemon(&t->base, lua_toboolean(L, 3));
    } else if (strcmp(key, "preempt") == 0) {
        set_preempt(L, t);
    } else {
        return luaL_error(L, "a Task has no field '%s' to set", luaL_tolstring(L, 2, NULL));
    }
    return 0;
}

static int l_tostring(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    crun__ltask_describe(L, 1);
    lua_pushfstring(L, "crun.Task: %s (%s)", lua_tostring(L, -1), status_names[t->base.status]);
    return 1;
}

/* --- functions ---------------------------------------------------------------------------- */

/* current() -> the running Task; nil inside a task of C. */
static int l_current(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    if (crun__is_ltask(self))
        crun__ltask_push(L, (ltask *)self);
    else
        lua_pushnil(L);
    return 1;
}

/* tasks() -> list of the live tasks, the main one first. */
static int l_tasks(lua_State *L)
{
    crun__lua *u = crun__universe;
    crun__lua_self(L);
    lua_newtable(L);
    lua_Integer n = 0;
    for (uint32_t slot = 1; slot <= u->slot_count; slot++) {
        lua_rawgeti(L, lua_upvalueindex(CRUN__UP_ANCHORS), slot);
        const ltask *t = lua_touserdata(L, -1);
        if (t && !crun__task_ended(&t->base))
            lua_rawseti(L, -2, ++n);
        else
            lua_pop(L, 1);
    }
    return 1;
}

static const luaL_Reg methods[] = {
    {"join", l_join},           {"get", l_get},
    {"result", l_result},       {"exception", l_exception},
    {"cancel", l_cancel},       {"throw", l_throw},
    {"done", l_done},           {"cancelled", l_cancelled},
    {"status", l_status},       {"on_done", crun__l_on_done},
    {"traceback", l_traceback}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"spawn", crun__l_spawn},   {"spawn_for", crun__l_spawn_for},
    {"on_end", crun__l_on_end}, {"current", l_current},
    {"tasks", l_tasks},         {NULL, NULL},
};

void crun__open_task(lua_State *L)
{
    crun__push_upvalues(L);
    lua_replace(L, -CRUN__UP_COUNT);
    lua_settop(L, -CRUN__UP_COUNT + 1);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "crun.Task");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "crun.Task");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    crun__open_callbacks(L);
    crun__open_functions(L, functions);
}
