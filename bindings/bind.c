/* SPDX-License-Identifier: MIT */
#include "bind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lerror.h"
#include "lspawn.h"

_Thread_local crun__lua *crun__universe;

/* --- userdata ----------------------------------------------------------------------------- */

/*
 * Pushes a table for the fields, and a few more, with so much room that they rarely collide. Where
 * they do differs from run to run; what is stored first is then found first.
 */
static void roomy_table(lua_State *L, const luaL_Reg *fields)
{
    int count = 0;
    while (fields[count].name)
        count++;
    lua_createtable(L, 0, 4 * (count + 3));
}

static void set_functions(lua_State *L, const luaL_Reg *functions, int first, int up)
{
    for (int i = 0; i < up; i++)
        lua_pushvalue(L, first + i);
    luaL_setfuncs(L, functions, up);
}

void crun__class_open(lua_State *L, const crun__class *class, int up)
{
    int first = lua_gettop(L) - up + 1;
    roomy_table(L, class->metamethods);
    if (class->methods) {
        roomy_table(L, class->methods);
        set_functions(L, class->methods, first, up);
        lua_setfield(L, -2, "__index");
    }
    set_functions(L, class->metamethods, first, up);
    lua_pushstring(L, class->name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, class->name);
    lua_setfield(L, -2, "__metatable");
    lua_setfield(L, LUA_REGISTRYINDEX, class->name);
    lua_settop(L, first - 1);
}

void *crun__object_new_with(lua_State *L, const crun__class *class, int uservalues)
{
    crun__object *o = lua_newuserdatauv(L, class->size, uservalues);
    memset(o, 0, class->size);
    o->class = class;
    luaL_setmetatable(L, class->name);
    return o;
}

void *crun__object_new(lua_State *L, const crun__class *class)
{
    void *o = crun__object_new_with(L, class, class->uservalues);
    if (!crun__universe->hosted)
        crun__sentinel_renew(L);
    return o;
}

void *crun__object_check(lua_State *L, int index, const crun__class *class)
{
    void *o = crun__object_test(L, index, class);
    if (!o)
        luaL_typeerror(L, index, class->name);
    return o;
}

/* --- arguments and results ---------------------------------------------------------------- */

crun_time crun__lua_deadline(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return CRUN_FOREVER;
    if (lua_type(L, index) != LUA_TNUMBER)
        crun__lua_badarg(L, index, "seconds or nil");
    lua_Number seconds = lua_tonumber(L, index);
    if (isnan(seconds))
        crun__lua_badarg(L, index, "seconds or nil");
    return crun_deadline(crun__hub, seconds);
}

int crun__lua_fail(lua_State *L, int code)
{
    const char *name = crun_error_name(code);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", name, crun_error_text(code));
    lua_pushstring(L, name);
    return 3;
}

void crun__weak_table_push(lua_State *L, const char *mode)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

int crun__lua_badarg(lua_State *L, int index, const char *expected)
{
    const char *got = luaL_tolstring(L, index, NULL);
    return luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

void crun__lua_checkcallable(lua_State *L, int index)
{
    if (lua_isfunction(L, index))
        return;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
        luaL_typeerror(L, index, "function");
    lua_pop(L, 1);
}

static bool known_option(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

void crun__lua_checkoptions(lua_State *L, int index, const char *const *known)
{
    luaL_checktype(L, index, LUA_TTABLE);
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING && known_option(lua_tostring(L, -2), known))
            continue;
        const char *key = luaL_tolstring(L, -2, NULL);
        luaL_argerror(L, index, lua_pushfstring(L, "unknown option '%s'", key));
    }
}

/* --- parking ------------------------------------------------------------------------------ */

void crun__lua_no_task(lua_State *L)
{
    luaL_error(L, "no task runs here: crun is not attached to this thread, or has ended");
    abort(); /* not reached, which Lua's headers do not say */
}

int crun__lua_park(lua_State *L, crun_task *self, crun_time deadline, lua_KContext context,
                   lua_KFunction finish)
{
    bool can_yield = crun__lua_can_yield(L, self);
    if (!can_yield || crun__stack_affordable(crun__hub)) {
        self->runner->host = L;
        if (!can_yield && crun__lua_in_finalizer(L))
            crun__wait_withdraw(self, CRUN_EPERM);
        else
            crun__wait_park(self, deadline);
        if (self == crun__hub->main)
            crun__sentinel_after_wait(L, self);
        return finish(L, LUA_OK, context);
    }
    if (crun__wait_arm(self, deadline) < 0)
        return finish(L, LUA_OK, context);
    crun__flag_set(self, CRUN__YIELDING);
    return lua_yieldk(L, 0, context, finish);
}

/* Its coroutine is lost with this error; a resume by its runner then fails, which ends the task. */
void crun__lua_foreign(lua_State *L)
{
    crun__lua *u = crun__universe;
    for (uint32_t slot = 1; slot <= u->slot_count; slot++) {
        lua_rawgeti(u->store, CRUN__UP_ANCHORS, slot);
        ltask *t = lua_touserdata(u->store, -1);
        lua_pop(u->store, 1);
        if (t && t->L == L && t->base.status == CRUN_TASK_WAITING)
            crun__wait_abort(&t->base.wait, CRUN_ECANCELED);
    }
    luaL_error(L, "this coroutine belongs to a task: nobody else can resume it");
    abort();
}

int crun__lua_raise(lua_State *L, crun_task *self, int code)
{
    switch (code) {
    case CRUN_ECANCELED:
        return crun__cancelled_raise(L, self);
    case CRUN_EDEADLK:
        return crun__deadlock_raise(L);
    case CRUN_EPERM:
        return luaL_error(L, "attempt to wait inside a finalizer (__gc)");
    case CRUN_ENOSTACK:
        return luaL_error(L, "cannot wait here: %s (vm.max_map_count is %d)", crun_error_text(code),
                          (int)crun__stack_map_limit());
    case CRUN_ENOMEM:
        return luaL_error(L, "not enough memory");
    default:
        return code;
    }
}

int crun__lua_finish_true(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- protected calls outside of tasks ----------------------------------------------------- */

struct call {
    void (*fn)(lua_State *L, void *arg);
    void *arg;
};

static int call(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    c->fn(L, c->arg);
    return 0;
}

int crun__lua_protected(lua_State *L, void (*fn)(lua_State *L, void *arg), void *arg)
{
    struct call c = {fn, arg};
    lua_pushcfunction(L, call);
    lua_pushlightuserdata(L, &c);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK)
        lua_pop(L, 1);
    return status;
}
