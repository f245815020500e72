/* SPDX-License-Identifier: MIT */
#include "lerror.h"
#include "lsite.h"

#include <stdio.h>
#include <string.h>

#include "../runtime/scope.h"
#include "lscope.h"

#define CANCELLED "crun.Cancelled"

/* Where a cancel error keeps its scope; a number, as looking for it must need no memory. */
enum { SCOPE_KEY = 1 };

/* --- the cancel error --------------------------------------------------------------------- */

/* Sets a field of the table on top to the value at an index, unless that is nil or none. */
static void set_field(lua_State *L, int value, const char *field)
{
    if (lua_isnoneornil(L, value))
        return;
    lua_pushvalue(L, value);
    lua_setfield(L, -2, field);
}

void crun__cancelled_make(lua_State *L, int reason, int origin, lua_Integer scope)
{
    reason = lua_absindex(L, reason);
    origin = lua_absindex(L, origin);
    lua_createtable(L, 0, 3);
    set_field(L, reason, "reason");
    set_field(L, origin, "origin");
    if (scope) {
        lua_pushinteger(L, scope);
        lua_rawseti(L, -2, SCOPE_KEY);
    }
    luaL_setmetatable(L, CANCELLED);
}

void crun__origin_push(lua_State *L, int level)
{
    lua_Debug ar;
    for (; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline < 0)
            continue;
        lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
        return;
    }
    lua_pushnil(L);
}

void crun__cancelled_push(lua_State *L, int reason, int level, lua_Integer scope)
{
    if (reason)
        lua_pushvalue(L, reason);
    else
        lua_pushnil(L);
    if (level >= 0)
        crun__origin_push(L, level);
    else
        lua_pushnil(L);
    crun__cancelled_make(L, -2, -1, scope);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

bool crun__cancelled_test(lua_State *L, int index, lua_Integer *scope)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, CANCELLED);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!same)
        return false;
    lua_rawgeti(L, index, SCOPE_KEY);
    *scope = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return true;
}

static int cancelled_tostring(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "cancelled");
    if (lua_getfield(L, 1, "reason") != LUA_TNIL) {
        luaL_addstring(&b, ": ");
        luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
        luaL_addvalue(&b);
    } else {
        lua_pop(L, 1);
    }
    if (lua_getfield(L, 1, "origin") != LUA_TNIL) {
        luaL_addstring(&b, " (by ");
        luaL_addvalue(&b);
        luaL_addstring(&b, ")");
    } else {
        lua_pop(L, 1);
    }
    luaL_pushresult(&b);
    return 1;
}

void crun__cancelled_of(lua_State *L, int index)
{
    if (crun__ltask_field(L, index, LTASK_CANCELLED) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    const char *reason = crun__universe->interrupt;
    if (reason)
        lua_pushstring(L, reason);
    else
        lua_pushnil(L);
    crun__cancelled_push(L, -1, -1, 0);
    lua_remove(L, -2);
}

static void take_thrown(lua_State *L, crun_task *self)
{
    crun__flag_clear(self, CRUN__THROWN);
    crun__ltask_push(L, (ltask *)self);
    crun__ltask_field(L, -1, LTASK_THROWN);
    lua_remove(L, -2);
}

/* A scope's own error, if it has one; or one that says why, and where the scope was entered. */
static void push_scope_error(lua_State *L, const crun__scope *scope)
{
    const crun__lscope *s = crun__lscope_of((crun__scope *)scope);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, s) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_pushstring(L, scope->state == CRUN__SCOPE_EXPIRED ? "timed out" : s->reason);
    if (scope->state == CRUN__SCOPE_EXPIRED)
        crun__lscope_origin(L, s);
    else
        lua_pushnil(L);
    crun__cancelled_make(L, -2, -1, s->id);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

void crun__cancelled_take(lua_State *L, crun_task *self)
{
    const crun__scope *scope = crun__scope_culprit(self);
    crun__flag_set(self, CRUN__TOLD);
    if (self->flags & CRUN__THROWN) {
        take_thrown(L, self);
    } else if (scope) {
        push_scope_error(L, scope);
    } else if (crun__is_ltask(self)) {
        crun__ltask_push(L, (ltask *)self);
        crun__cancelled_of(L, -1);
        lua_remove(L, -2);
    } else {
        crun__cancelled_push(L, 0, -1, 0);
    }
}

int crun__cancelled_raise(lua_State *L, crun_task *self)
{
    crun__cancelled_take(L, self);
    return lua_error(L);
}

/* --- sites --------------------------------------------------------------------------------- */

void crun__spawn_site(lua_State *L, const ltask *task)
{
    crun__site_push(L, (crun__site){task->source, task->line});
}

/* --- the report --------------------------------------------------------------------------- */

void crun__error_text(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (lua_type(L, index) == LUA_TSTRING)
        lua_pushvalue(L, index);
    else if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        luaL_tolstring(L, index, NULL);
    } else
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

static void print_report(lua_State *L)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "crun: ");
    if (crun__ltask_test(L, 1))
        crun__ltask_describe(L, 1);
    else
        lua_pushliteral(L, "a Future");
    luaL_addvalue(&b);
    luaL_addstring(&b, " failed: ");
    crun__error_text(L, 2);
    luaL_addvalue(&b);
    if (lua_isstring(L, 3) && lua_rawlen(L, 3) > 0) {
        luaL_addstring(&b, "\n");
        lua_pushvalue(L, 3);
        luaL_addvalue(&b);
    }
    luaL_addstring(&b, "\n");
    luaL_pushresult(&b);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    (void)fwrite(text, 1, size, stderr);
    (void)fflush(stderr);
    crun__universe->failures++;
}

void crun__report(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_getfield(L, -1, "on_error");
    if (lua_isnil(L, -1)) {
        lua_settop(L, 3);
        print_report(L);
        return;
    }
    lua_replace(L, 4);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_call(L, 3, 0);
}

/* --- module ------------------------------------------------------------------------------- */

static void open_error(lua_State *L, const char *name, lua_CFunction tostring)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}

void crun__open_errors(lua_State *L)
{
    open_error(L, CANCELLED, cancelled_tostring);
    open_error(L, CRUN__DEADLOCK, crun__deadlock_tostring);
}
