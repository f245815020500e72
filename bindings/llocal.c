/*
 * SPDX-License-Identifier: MIT
 *
 * Local: an object whose fields each task has for itself.
 *
 * What a task has lies in a table of its own, by the Local, which it does not keep alive:
 * {[local] = {field = value}}.
 */
#include "lextra.h"

typedef struct llocal {
    crun__object object;
    bool inherit; /* a spawned task starts with a copy of its spawner's fields */
} llocal;

enum { INIT = 1 };

static const crun__class local_class;

/* Pushes the running task's table of Locals. */
static void push_own(lua_State *L, ltask *task)
{
    if (crun__extra_get(L, task, CRUN__EXTRA_LOCALS) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    crun__weak_table_push(L, "k");
    lua_pushvalue(L, -1);
    crun__extra_set(L, task, CRUN__EXTRA_LOCALS);
}

/* Adds the fields of the table at index `from` to that at index `to`. */
static void copy_fields(lua_State *L, int from, int to)
{
    lua_pushnil(L);
    while (lua_next(L, from)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

/*
 * The task's fields on top are fresh: fills them in as the Local at index 1 says. While a function
 * does so it finds what it has set; if it fails, the next access calls it again.
 */
static void initialize(lua_State *L, int own)
{
    int fields = lua_gettop(L);
    int type = lua_getiuservalue(L, 1, INIT);
    if (type == LUA_TTABLE) {
        copy_fields(L, fields + 1, fields);
    } else if (type != LUA_TNIL) {
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            lua_pushvalue(L, 1);
            lua_pushnil(L);
            lua_rawset(L, own);
            lua_error(L);
        }
    }
    lua_settop(L, fields);
}

/* Pushes the running task's fields of the Local at index 1. May wait: an init function may. */
static void push_fields(lua_State *L)
{
    push_own(L, crun__extra_task(L, "a Local"));
    int own = lua_gettop(L);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, own) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, own);
    initialize(L, own);
}

/* --- inheriting --------------------------------------------------------------------------- */

/* The spawner's table is on top; replaces it by the copy for a spawned task, or false. */
static void replace_by_copy(lua_State *L)
{
    int from = lua_gettop(L), to = from + 1;
    lua_pushboolean(L, 0);
    for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
        const llocal *local = lua_touserdata(L, -2);
        if (!local->inherit)
            continue;
        if (!lua_toboolean(L, to)) {
            crun__weak_table_push(L, "k");
            lua_replace(L, to);
        }
        lua_pushvalue(L, -2);
        lua_newtable(L);
        copy_fields(L, to + 2, to + 4);
        lua_rawset(L, to);
    }
    lua_remove(L, from);
}

void crun__locals_inherit(lua_State *L, ltask *spawner)
{
    if (!(crun__universe->unusual & CRUN__SPAWN_LOCALS))
        lua_pushboolean(L, 0);
    else if (crun__extra_get(L, spawner, CRUN__EXTRA_LOCALS) == LUA_TTABLE)
        replace_by_copy(L);
}

/* --- access ------------------------------------------------------------------------------- */

static int l_index(lua_State *L)
{
    crun__object_check(L, 1, &local_class);
    lua_settop(L, 2);
    push_fields(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static int l_newindex(lua_State *L)
{
    crun__object_check(L, 1, &local_class);
    lua_settop(L, 3);
    push_fields(L);
    lua_insert(L, 2);
    lua_settop(L, 4);
    lua_rawset(L, 2);
    return 0;
}

/* next for the running task's fields. */
static int l_next(lua_State *L)
{
    crun__object_check(L, 1, &local_class);
    lua_settop(L, 2);
    push_fields(L);
    lua_insert(L, 2);
    lua_settop(L, 3);
    if (lua_next(L, 2))
        return 2;
    lua_pushnil(L);
    return 1;
}

static int l_pairs(lua_State *L)
{
    crun__object_check(L, 1, &local_class);
    lua_pushcfunction(L, l_next);
    lua_pushvalue(L, 1);
    return 2;
}

static const luaL_Reg metamethods[] = {
    {"__index", l_index}, {"__newindex", l_newindex}, {"__pairs", l_pairs}, {NULL, NULL}};

static const crun__class local_class = {"crun.Local", NULL, metamethods, sizeof(llocal), INIT};

static void check_init(lua_State *L)
{
    if (lua_isnoneornil(L, 1) || lua_istable(L, 1))
        return;
    if (!lua_isfunction(L, 1))
        crun__lua_badarg(L, 1, "table of fields or function");
}

/*
 * Local([init] [, {inherit = true}]) -> Local. init: the fields that each task starts with, or a
 * function(local) that sets them, called at a task's first access, which may wait. inherit: a
 * spawned task starts with a copy of its spawner's fields instead, if that has any.
 */
static int l_local(lua_State *L)
{
    static const char *const options[] = {"inherit", NULL};
    check_init(L);
    lua_settop(L, 2);
    bool inherit = false;
    if (!lua_isnil(L, 2)) {
        crun__lua_checkoptions(L, 2, options);
        lua_getfield(L, 2, "inherit");
        inherit = lua_toboolean(L, -1);
    }
    llocal *local = crun__object_new(L, &local_class);
    local->inherit = inherit;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, INIT);
    if (inherit)
        crun__universe->unusual |= CRUN__SPAWN_LOCALS;
    return 1;
}

void crun__open_local(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Local", l_local}, {NULL, NULL}};
    crun__class_open(L, &local_class, 0);
    crun__open_functions(L, functions);
}
