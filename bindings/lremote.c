/*
 * SPDX-License-Identifier: MIT
 *
 * crun.core.remote: what links between workers need of C. Futures that a worker will set, the
 * cancel errors it sent, and proxies: userdata that are an object elsewhere, with a Lua table each.
 */
#include "lremote.h"

#include <string.h>

#include "lerror.h"
#include "lfuture.h"
#include "lqueue.h"

/* Of the registry: by pending Future, the function(future, error) that asks for its cancelling. */
#define HOOKS "crun.cancel_hooks"

/* Of the registry: the last error that a worker sent, weak, and its traceback. */
#define LAST_ERROR "crun.last_worker_error"

typedef struct lproxy {
    crun__object object;
} lproxy;

/* Only its address and size are used: each kind of proxy has a metatable of its own. */
static const crun__class proxy_class = {"crun.Proxy", NULL, NULL, sizeof(lproxy), 1};

/* --- futures of workers ------------------------------------------------------------------- */

void crun__lfuture_ask(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_getfield(L, LUA_REGISTRYINDEX, HOOKS);
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 2);
        crun__lfuture_cancel(L, index);
        return;
    }
    lua_pushvalue(L, index);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 0);
    lua_pop(L, 2);
}

static void keep_last(lua_State *L, int err, int traceback)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LAST_ERROR);
    lua_pushvalue(L, err);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, traceback);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 1);
}

/* keep(err, traceback): a worker's error, which is going to be raised here. */
static int l_keep(lua_State *L)
{
    lua_settop(L, 2);
    keep_last(L, 1, 2);
    return 0;
}

int crun__remote_traceback(lua_State *L, int index)
{
    const char *calls = NULL;
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    if (lua_getfield(L, LUA_REGISTRYINDEX, LAST_ERROR) == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        if (!lua_isnil(L, index) && lua_rawequal(L, -2, index) && lua_isstring(L, -1))
            calls = strchr(lua_tostring(L, -1), '\n');
    }
    if (calls) {
        lua_pushfstring(L, "\ntraceback of the worker:%s", calls);
        lua_replace(L, top + 1);
    }
    lua_settop(L, calls ? top + 1 : top);
    return calls ? 1 : 0;
}

/* fail(future, err, traceback): sets a pending Future to an error that was raised elsewhere. */
static int l_fail(lua_State *L)
{
    luaL_argexpected(L, crun__lfuture_test(L, 1), 1, crun__future_class.name);
    lua_settop(L, 3);
    keep_last(L, 2, 3);
    crun__lfuture_fail_with(L, 1);
    return 0;
}

/* cancel(future, error): cancels a pending Future with that cancel error. */
static int l_cancel(lua_State *L)
{
    luaL_argexpected(L, crun__lfuture_test(L, 1), 1, crun__future_class.name);
    lua_settop(L, 2);
    crun__lfuture_cancel(L, 1);
    return 0;
}

/* cancelled(reason, origin) -> a cancel error. */
static int l_cancelled(lua_State *L)
{
    lua_settop(L, 2);
    crun__cancelled_make(L, 1, 2, 0);
    return 1;
}

/* is_cancelled(value) -> whether it is a cancel error. */
static int l_is_cancelled(lua_State *L)
{
    lua_Integer scope;
    luaL_checkany(L, 1);
    lua_pushboolean(L, crun__cancelled_test(L, 1, &scope));
    return 1;
}

/* put_back(queue, value): what was got, and has not arrived, comes out next. Switches: never. */
static int l_put_back(lua_State *L)
{
    const lqueue *q = crun__queue_test(L, 1);
    luaL_argexpected(L, q, 1, "Queue or Channel");
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    crun__queue_put_back(L, q->chan);
    return 0;
}

/* lasting(task): a daemon that is ended after all others, and by no signal. Switches: never. */
static int l_lasting(lua_State *L)
{
    crun_task *task = &crun__ltask_check(L, 1)->base;
    crun_task_set_daemon(task, true);
    crun__flag_set(task, CRUN__LASTING);
    return 0;
}

/* finished() -> whether the program is ending, so that nothing can be spawned any more. */
static int l_finished(lua_State *L)
{
    lua_pushboolean(L, !crun__universe || crun__universe->finished);
    return 1;
}

/* --- proxies ------------------------------------------------------------------------------ */

/* proxy(metatable, state) -> a userdata with that metatable, and the table as its user value. */
static int l_proxy(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lproxy *p = lua_newuserdatauv(L, sizeof *p, 1);
    p->object.class = &proxy_class;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 1);
    lua_setmetatable(L, -2);
    return 1;
}

/* state(value) -> the table of a proxy; nil for anything else. */
static int l_state(lua_State *L)
{
    if (crun__object_test(L, 1, &proxy_class))
        lua_getiuservalue(L, 1, 1);
    else
        lua_pushnil(L);
    return 1;
}

static void make_last_error(lua_State *L)
{
    lua_createtable(L, 2, 0);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, LAST_ERROR);
}

void crun__open_remote(lua_State *L)
{
    make_last_error(L);
    static const luaL_Reg internals[] = {
        {"fail", l_fail},
        {"cancel", l_cancel},
        {"cancelled", l_cancelled},
        {"is_cancelled", l_is_cancelled},
        {"lasting", l_lasting},
        {"finished", l_finished},
        {"put_back", l_put_back},
        {"proxy", l_proxy},
        {"state", l_state},
        {"keep", l_keep},
        {NULL, NULL},
    };
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newlibtable(L, internals);
    luaL_setfuncs(L, internals, 0);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, HOOKS);
    lua_setfield(L, -2, "hooks");
    luaL_getmetatable(L, "crun.Cancelled");
    lua_setfield(L, -2, "Cancelled");
    lua_setfield(L, -2, "remote");
    lua_pop(L, 1);
}
