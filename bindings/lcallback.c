/*
 * SPDX-License-Identifier: MIT
 *
 * Callbacks for the end of a task: each runs in a small task of its own.
 */
#include "lspawn.h"

#define HANDLE "crun.Callback"

/* The body of a callback's task: the handle {fn, removed} and the task that has ended. */
static int run_callback(lua_State *L)
{
    lua_settop(L, 2);
    lua_rawgeti(L, 1, 2);
    if (lua_toboolean(L, -1))
        return 0;
    lua_rawgeti(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 1, 0);
    return 0;
}

static void start_callback(lua_State *L, int handle, int task)
{
    task = lua_absindex(L, task);
    handle = lua_absindex(L, handle);
    lua_pushcfunction(L, run_callback);
    lua_pushvalue(L, handle);
    lua_pushvalue(L, task);
    crun__ltask_spawn(L, 2);
    lua_pop(L, 1);
}

void crun__callbacks_start(lua_State *L, int index)
{
    if (crun__ltask_field(L, index, LTASK_CALLBACKS) == LUA_TTABLE) {
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
            start_callback(L, -1, index);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void add_callback(lua_State *L)
{
    if (crun__ltask_field(L, 1, LTASK_CALLBACKS) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        crun__ltask_set_field(L, 1, LTASK_CALLBACKS);
    }
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

int crun__l_on_done(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    crun__lua_checkcallable(L, 2);
    lua_settop(L, 2);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, 3, 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, 3, 2);
    luaL_setmetatable(L, HANDLE);
    if (crun__task_ended(&t->base)) {
        start_callback(L, 3, 1);
    } else {
        add_callback(L);
        crun__flag_set(&t->base, CRUN__OBSERVED);
    }
    lua_settop(L, 3);
    return 1;
}

/* handle:remove(): the callback will not be called. */
static int l_remove(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushboolean(L, 1);
    lua_rawseti(L, 1, 2);
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
