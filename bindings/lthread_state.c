/*
 * SPDX-License-Identifier: MIT
 *
 * The state of a new thread. It is made by the starter, who can still say that there is no memory,
 * and takes over where modules are found.
 */
#include <lualib.h>

#include "lthread.h"

/* What the new state reads, on the starter's stack; nothing of it can raise in the starter. */
typedef struct source {
    lua_State *L;
    int path, cpath, preload; /* indices; of a table or of something that is none */
    bool no_env;
    crun__newstate *own;
} source;

enum { SLOTS = 8 + UINT8_MAX }; /* a name, a function, its upvalues */

static bool is_plain(int type)
{
    return type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TLIGHTUSERDATA ||
           type == LUA_TNUMBER || type == LUA_TSTRING;
}

/* Copies the plain value at the top of one stack to that of another. */
static void copy(lua_State *from, lua_State *to)
{
    size_t size;
    const char *text;
    switch (lua_type(from, -1)) {
    case LUA_TBOOLEAN:
        lua_pushboolean(to, lua_toboolean(from, -1));
        break;
    case LUA_TLIGHTUSERDATA:
        lua_pushlightuserdata(to, lua_touserdata(from, -1));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(from, -1))
            lua_pushinteger(to, lua_tointeger(from, -1));
        else
            lua_pushnumber(to, lua_tonumber(from, -1));
        break;
    case LUA_TSTRING:
        text = lua_tolstring(from, -1, &size);
        lua_pushlstring(to, text, size);
        break;
    default:
        lua_pushnil(to);
    }
}

/*
 * The C function on top of one stack, pushed on the other. Returns: its number of upvalues, or -1
 * when some of them are not plain; they are left on the other stack.
 */
static int copy_upvalues(lua_State *from, lua_State *to)
{
    int n = 0;
    while (lua_getupvalue(from, -1, n + 1)) {
        bool plain = is_plain(lua_type(from, -1));
        if (plain)
            copy(from, to);
        lua_pop(from, 1);
        if (!plain)
            return -1;
        n++;
    }
    return n;
}

/* With the name below the function on top of the starter's stack. */
static void copy_loader(const source *s, lua_State *to)
{
    int top = lua_gettop(to);
    lua_CFunction loader = lua_tocfunction(s->L, -1);
    int n = loader && lua_type(s->L, -2) == LUA_TSTRING ? copy_upvalues(s->L, to) : -1;
    if (n >= 0) {
        lua_pushcclosure(to, loader, n);
        lua_setfield(to, top, lua_tostring(s->L, -2));
    }
    lua_settop(to, top);
}

/* Those in C: functions in Lua belong to their state. crun.core is here, whoever found it. */
static void copy_preload(const source *s, lua_State *to)
{
    luaL_checkstack(to, SLOTS, NULL);
    luaL_getsubtable(to, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(to, luaopen_crun_core);
    lua_setfield(to, -2, "crun.core");
    if (lua_istable(s->L, s->preload))
        for (lua_pushnil(s->L); lua_next(s->L, s->preload); lua_pop(s->L, 1))
            copy_loader(s, to);
    lua_pop(to, 1);
}

static void copy_path(const source *s, int index, lua_State *to, const char *name)
{
    if (lua_type(s->L, index) != LUA_TSTRING)
        return;
    lua_pushvalue(s->L, index);
    copy(s->L, to);
    lua_pop(s->L, 1);
    lua_setfield(to, -2, name);
}

/* Runs protected in the new state. */
static int fill(lua_State *to)
{
    const source *s = lua_touserdata(to, 1);
    if (s->no_env) {
        lua_pushboolean(to, 1);
        lua_setfield(to, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(to);
    lua_getglobal(to, LUA_LOADLIBNAME);
    copy_path(s, s->path, to, "path");
    copy_path(s, s->cpath, to, "cpath");
    copy_preload(s, to);
    crun__lthread_libs(to);
    crun__newstate_trim(to, s->own);
    return 0;
}

/* Pushes the field of the table at the index, nil if that is none. No metamethod is called. */
static int push_raw(lua_State *L, int table, const char *name)
{
    lua_pushstring(L, name);
    if (lua_istable(L, table))
        lua_rawget(L, table);
    else
        lua_pushnil(L);
    if (!lua_istable(L, table))
        lua_remove(L, -2);
    return lua_gettop(L);
}

static source read_source(lua_State *L, crun__newstate *own)
{
    source s = {.L = L, .own = own};
    luaL_checkstack(L, SLOTS, NULL);
    lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    s.no_env = lua_toboolean(L, -1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    int package = push_raw(L, lua_gettop(L), LUA_LOADLIBNAME);
    s.path = push_raw(L, package, "path");
    s.cpath = push_raw(L, package, "cpath");
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    s.preload = lua_gettop(L);
    return s;
}

int crun__lthread_state(lua_State *L, crun__newstate *own, lua_State **out)
{
    int top = lua_gettop(L);
    source s = read_source(L, own);
    lua_State *to = crun__newstate_open(own);
    int status = LUA_ERRMEM;
    if (to) {
        lua_pushcfunction(to, fill);
        lua_pushlightuserdata(to, &s);
        status = lua_pcall(to, 1, 0, 0);
        if (status != LUA_OK)
            crun__newstate_close(to, own);
    }
    lua_settop(L, top);
    *out = status == LUA_OK ? to : NULL;
    return status;
}
