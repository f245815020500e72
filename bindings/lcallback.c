/* SPDX-License-Identifier: MIT */
#include "lcallback.h"

#include "lextra.h"
#include "lspawn.h"

#define HANDLE "crun.Callback"

/* The fields of a handle. */
enum {
    FN = 1,
    REMOVED,
    HERITAGE, /* what its task inherits */
    LIST      /* the list it stands in; nil: none */
};

/* In a list: how many of its handles have been removed; false once they are being started. */
enum { REMOVALS = 0 };

/* The body of a callback's task: the handle and what has ended. */
static int run_callback(lua_State *L)
{
    lua_settop(L, 2);
    lua_rawgeti(L, 1, REMOVED);
    if (lua_toboolean(L, -1))
        return 0;
    lua_rawgeti(L, 1, FN);
    lua_pushvalue(L, 2);
    lua_call(L, 1, 0);
    return 0;
}

void crun__callback_new(lua_State *L, int fn)
{
    fn = lua_absindex(L, fn);
    lua_createtable(L, LIST, 0);
    lua_pushvalue(L, fn);
    lua_rawseti(L, -2, FN);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, REMOVED);
    crun__heritage_push(L);
    lua_rawseti(L, -2, HERITAGE);
    luaL_setmetatable(L, HANDLE);
}

void crun__callbacks_new(lua_State *L)
{
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, REMOVALS);
}

void crun__callbacks_add(lua_State *L, int list, int handle)
{
    list = lua_absindex(L, list);
    handle = lua_absindex(L, handle);
    lua_pushvalue(L, handle);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
    lua_pushvalue(L, list);
    lua_rawseti(L, handle, LIST);
}

void crun__callback_start(lua_State *L, int handle, int subject)
{
    subject = lua_absindex(L, subject);
    handle = lua_absindex(L, handle);
    lua_rawgeti(L, handle, HERITAGE);
    lua_pushcfunction(L, run_callback);
    lua_pushvalue(L, handle);
    lua_pushvalue(L, subject);
    crun__ltask_spawn_heir(L, 2, lua_gettop(L) - 3);
    lua_pop(L, 2);
}

void crun__callbacks_run(lua_State *L, int list, int subject)
{
    list = lua_absindex(L, list);
    subject = lua_absindex(L, subject);
    lua_pushboolean(L, 0);
    lua_rawseti(L, list, REMOVALS);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
        crun__callback_start(L, -1, subject);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* --- a task's ----------------------------------------------------------------------------- */

void crun__callbacks_start(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (crun__ltask_field(L, index, LTASK_CALLBACKS) == LUA_TTABLE)
        crun__callbacks_run(L, -1, index);
    lua_pop(L, 1);
}

static void add_callback(lua_State *L)
{
    if (crun__ltask_field(L, 1, LTASK_CALLBACKS) != LUA_TTABLE) {
        lua_pop(L, 1);
        crun__callbacks_new(L);
        lua_pushvalue(L, -1);
        crun__ltask_set_field(L, 1, LTASK_CALLBACKS);
    }
    crun__callbacks_add(L, -1, 3);
}

int crun__l_on_end(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    crun__lua_checkcallable(L, 2);
    lua_settop(L, 2);
    crun__callback_new(L, 2);
    if (crun__task_ended(&t->base))
        crun__callback_start(L, 3, 1);
    else
        add_callback(L);
    lua_settop(L, 3);
    return 1;
}

int crun__l_on_done(lua_State *L)
{
    crun__l_on_end(L);
    ltask *t = lua_touserdata(L, 1);
    if (!crun__task_ended(&t->base))
        crun__flag_set(&t->base, CRUN__OBSERVED);
    return 1;
}

/* --- taking one back ---------------------------------------------------------------------- */

static void drop_removed(lua_State *L, int list)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, list), kept = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        lua_rawgeti(L, -1, REMOVED);
        bool removed = lua_toboolean(L, -1);
        lua_pop(L, 1);
        if (removed)
            lua_pop(L, 1);
        else
            lua_rawseti(L, list, ++kept);
    }
    while (n > kept) {
        lua_pushnil(L);
        lua_rawseti(L, list, n--);
    }
    lua_pushinteger(L, 0);
    lua_rawseti(L, list, REMOVALS);
}

/* Those removed leave the list once they are most of it: it stays small, and each costs little. */
static void count_removal(lua_State *L, int list)
{
    if (lua_rawgeti(L, list, REMOVALS) != LUA_TNUMBER)
        return;
    lua_Integer removals = lua_tointeger(L, -1) + 1;
    lua_pushinteger(L, removals);
    lua_rawseti(L, list, REMOVALS);
    if (2 * removals > (lua_Integer)lua_rawlen(L, list))
        drop_removed(L, list);
}

/* handle:remove(): the callback will not be called. */
static int l_remove(lua_State *L)
{
    bool handle = lua_getmetatable(L, 1) && luaL_getmetatable(L, HANDLE) == LUA_TTABLE &&
                  lua_rawequal(L, -1, -2);
    luaL_argexpected(L, handle, 1, HANDLE);
    lua_rawgeti(L, 1, REMOVED);
    if (lua_toboolean(L, -1))
        return 0;
    lua_pushboolean(L, 1);
    lua_rawseti(L, 1, REMOVED);
    if (lua_rawgeti(L, 1, LIST) == LUA_TTABLE)
        count_removal(L, lua_gettop(L));
    return 0;
}

void crun__open_callbacks(lua_State *L)
{
    luaL_newmetatable(L, HANDLE);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_remove);
    lua_setfield(L, -2, "remove");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
