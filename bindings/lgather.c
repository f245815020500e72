/*
 * SPDX-License-Identifier: MIT
 *
 * What gather and race in Lua stand on beside waiting: starting functions, cancelling what is left,
 * collecting results.
 */
#include <limits.h>

#include "lawait.h"
#include "lerror.h"
#include "lfuture.h"
#include "lspawn.h"

/* --- what they left ----------------------------------------------------------------------- */

/* first_results(list) -> list of the first result of each; nil for one that left none. */
static int l_first_results(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, 1, i);
        if (crun__ltask_test(L, -1))
            crun__ltask_first_result(L, -1);
        else if (crun__lfuture_test(L, -1))
            crun__lfuture_first_result(L, -1);
        else
            luaL_typeerror(L, 1, "list of Tasks and Futures");
        lua_rawseti(L, 2, i);
        lua_pop(L, 1);
    }
    return 1;
}

/*
 * outcomes(list) -> list of the first result, or the error, of each; list of the errors alone.
 * Switches: never.
 */
static int l_outcomes(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= size; i++) {
        crun__awaitable what;
        lua_rawgeti(L, 1, i);
        if (!crun__awaitable_get(L, -1, &what))
            return luaL_typeerror(L, 1, "list of Tasks and Futures");
        if (crun__awaitable_bad(&what)) {
            crun__awaitable_error(L, 4);
            lua_pushvalue(L, -1);
            lua_rawseti(L, 3, i);
        } else {
            crun__awaitable_first_result(L, 4);
        }
        lua_rawseti(L, 2, i);
        lua_settop(L, 3);
    }
    return 2;
}

/* --- cancelling them ---------------------------------------------------------------------- */

/* Pushes a cancel error for the cause at index 2. */
static void push_cancelled(lua_State *L, int level)
{
    lua_Integer scope;
    if (!crun__cancelled_test(L, 2, &scope)) {
        crun__cancelled_push(L, 2, level, 0);
        return;
    }
    lua_getfield(L, 2, "reason");
    lua_getfield(L, 2, "origin");
    crun__cancelled_make(L, -2, -1, 0);
}

/* Cancels what is at one index with the error at another. */
static void cancel(lua_State *L, int item, int error)
{
    ltask *t = crun__ltask_test(L, item);
    const lfuture *f = t ? NULL : crun__lfuture_test(L, item);
    lua_pushvalue(L, error);
    if (t && !crun__task_ended(&t->base)) {
        if (!(t->base.flags & CRUN__CANCEL))
            crun__ltask_set_field(L, item, LTASK_CANCELLED);
        crun_task_cancel(&t->base);
    } else if (f && crun__future_pending(&f->future)) {
        crun__lfuture_ask(L, item);
    }
}

/*
 * cancel_each(list, cause, level): cancels each Task and Future of the list. The cause is the
 * reason, and the function at that level above the caller's the origin; or it is a cancel error,
 * whose reason and origin are passed on. Switches: never.
 */
static int l_cancel_each(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int level = (int)luaL_checkinteger(L, 3);
    lua_settop(L, 2);
    push_cancelled(L, level + 1);
    lua_replace(L, 2);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_settop(L, 2);
        lua_rawgeti(L, 1, i);
        cancel(L, 3, 2);
    }
    return 0;
}

/* describe(item) -> "task#3 'name'" of a Task, "a Future". Switches: never. */
static int l_describe(lua_State *L)
{
    if (crun__ltask_test(L, 1))
        crun__ltask_describe(L, 1);
    else
        lua_pushliteral(L, "a Future");
    return 1;
}

/* --- starting them ------------------------------------------------------------------------ */

enum item { ITEM_FUNCTION, ITEM_AWAITABLE, ITEM_LIST, ITEM_SELF, ITEM_WRONG };

static enum item classify(lua_State *L, int index)
{
    if (lua_isfunction(L, index))
        return ITEM_FUNCTION;
    const ltask *t = crun__ltask_test(L, index);
    if (t)
        return &t->base == crun__hub->current ? ITEM_SELF : ITEM_AWAITABLE;
    if (crun__lfuture_test(L, index))
        return ITEM_AWAITABLE;
    if (!lua_istable(L, index))
        return ITEM_WRONG;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
        return ITEM_LIST;
    lua_pop(L, 1);
    return ITEM_FUNCTION;
}

/* The wrong item is on top. */
static int tell_wrong(lua_State *L, enum item item, lua_Integer place)
{
    const char *what = luaL_typename(L, -1);
    lua_pushnil(L);
    lua_pushinteger(L, place);
    lua_pushstring(L, item == ITEM_SELF ? "the calling task, which cannot wait for itself" : what);
    return 3;
}

/*
 * classify(items, n) -> "flat" | "nested" (a list among the items) | nil, place of a wrong item,
 * what it is. Switches: never.
 */
static int l_classify(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_checkinteger(L, 2);
    bool nested = false;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        enum item item = classify(L, -1);
        if (item >= ITEM_SELF)
            return tell_wrong(L, item, i);
        lua_pop(L, 1);
        nested |= item == ITEM_LIST;
    }
    lua_pushstring(L, nested ? "nested" : "flat");
    return 1;
}

/*
 * launch(items, n, level) -> list of Tasks and Futures: each function of a flat list is spawned, as
 * if by the function at that level above the caller's. Switches: never.
 */
static int l_launch(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_checkinteger(L, 2);
    int level = (int)luaL_checkinteger(L, 3);
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    int tasks = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        if (lua_type(L, -1) != LUA_TUSERDATA || !crun__awaitable_test(L, -1))
            crun__ltask_spawn_at(L, tasks + 1, 0, level + 1);
        lua_rawseti(L, tasks, i);
        lua_settop(L, tasks);
    }
    return 1;
}

void crun__open_gather(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"first_results", l_first_results},
        {"outcomes", l_outcomes},
        {"cancel_each", l_cancel_each},
        {"describe", l_describe},
        {"classify", l_classify},
        {"launch", l_launch},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
