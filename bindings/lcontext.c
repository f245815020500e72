/*
 * SPDX-License-Identifier: MIT
 *
 * ContextVar: a variable of which each task has its own value, beginning with its spawner's.
 *
 * A context is a table {[var] = value}, with its owner's id at index 1. Tasks share it until one of
 * them sets a variable; the one that owns it writes into it, any other writes into a copy.
 */
#include "lextra.h"

typedef struct lvar {
    crun__object object;
    bool has_default;
} lvar;

typedef struct ltoken {
    crun__object object;
    uint64_t task; /* id of the one in which the variable was set */
    bool used;
} ltoken;

enum { VAR_NAME = 1, VAR_DEFAULT };
enum { TOKEN_VAR = 1, TOKEN_OLD }; /* old: the context's entry */

/* The owner's place in a context. */
enum { OWNER = 1 };
static const lua_Integer SHARED = 0;

/* What stands for nil in a context, where nil is no value. */
static char nil_key;

static const crun__class var_class, token_class;

/* --- contexts ----------------------------------------------------------------------------- */

/* Pushes the entry of the variable at the index in the running task's context; nil: none. */
static int push_entry(lua_State *L, const ltask *task, int var)
{
    var = lua_absindex(L, var);
    if (crun__extra_get(L, task, CRUN__EXTRA_CONTEXT) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_pushvalue(L, var);
    int type = lua_rawget(L, -2);
    lua_remove(L, -2);
    return type;
}

static void push_copy(lua_State *L, int from)
{
    lua_createtable(L, 1, 4);
    int to = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, from)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

/* Pushes the running task's context, for writing. */
static void push_writable(lua_State *L, ltask *task)
{
    bool any = crun__extra_get(L, task, CRUN__EXTRA_CONTEXT) == LUA_TTABLE;
    if (any) {
        lua_rawgeti(L, -1, OWNER);
        bool own = lua_tointeger(L, -1) == (lua_Integer)task->base.id;
        lua_pop(L, 1);
        if (own)
            return;
        push_copy(L, lua_gettop(L));
    } else {
        lua_createtable(L, 1, 4);
    }
    lua_remove(L, -2);
    lua_pushinteger(L, (lua_Integer)task->base.id);
    lua_rawseti(L, -2, OWNER);
    lua_pushvalue(L, -1);
    crun__extra_set(L, task, CRUN__EXTRA_CONTEXT);
}

/* Pops an entry, nil for none, and makes it that of the variable at the index. */
static void set_entry(lua_State *L, ltask *task, int var)
{
    var = lua_absindex(L, var);
    push_writable(L, task);
    lua_insert(L, -2);
    lua_pushvalue(L, var);
    lua_insert(L, -2);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void crun__context_inherit(lua_State *L, ltask *spawner)
{
    if (!(crun__universe->unusual & CRUN__SPAWN_CONTEXT)) {
        lua_pushboolean(L, 0);
    } else if (crun__extra_get(L, spawner, CRUN__EXTRA_CONTEXT) == LUA_TTABLE) {
        lua_pushinteger(L, SHARED);
        lua_rawseti(L, -2, OWNER);
    }
}

/* --- variables ---------------------------------------------------------------------------- */

static lvar *check(lua_State *L)
{
    return crun__object_check(L, 1, &var_class);
}

static const char *push_name(lua_State *L, int var)
{
    lua_getiuservalue(L, var, VAR_NAME);
    return lua_tostring(L, -1);
}

/* Pushes the value that an entry on top stands for, in its place. */
static void entry_to_value(lua_State *L)
{
    if (lua_touserdata(L, -1) == &nil_key) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/*
 * var:get([default]) -> its value in this task, or else the default given here, or else its own;
 * raises if there is none. Switches: never.
 */
static int l_get(lua_State *L)
{
    const lvar *var = check(L);
    bool given = !lua_isnone(L, 2);
    lua_settop(L, 2);
    if (push_entry(L, crun__extra_task(L, "a ContextVar"), 1) != LUA_TNIL) {
        entry_to_value(L);
        return 1;
    }
    if (given)
        return lua_settop(L, 2), 1;
    if (var->has_default)
        return lua_getiuservalue(L, 1, VAR_DEFAULT), 1;
    return luaL_error(L, "ContextVar '%s' has no value in this task, and no default",
                      push_name(L, 1));
}

/* var:set(value) -> token for reset. Switches: never. */
static int l_set(lua_State *L)
{
    check(L);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    ltask *task = crun__extra_task(L, "a ContextVar");
    ltoken *token = crun__object_new(L, &token_class);
    token->task = task->base.id;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 3, TOKEN_VAR);
    push_entry(L, task, 1);
    lua_setiuservalue(L, 3, TOKEN_OLD);
    if (lua_isnil(L, 2))
        lua_pushlightuserdata(L, &nil_key);
    else
        lua_pushvalue(L, 2);
    set_entry(L, task, 1);
    return 1;
}

static ltoken *check_token(lua_State *L, const ltask *task)
{
    ltoken *token = crun__object_check(L, 2, &token_class);
    lua_getiuservalue(L, 2, TOKEN_VAR);
    if (!lua_rawequal(L, 1, -1)) {
        const char *theirs = push_name(L, -1), *ours = push_name(L, 1);
        luaL_error(L, "the token is of ContextVar '%s', not of '%s'", theirs, ours);
    }
    if (token->task != task->base.id)
        luaL_error(L, "the token of ContextVar '%s' comes from another task", push_name(L, 1));
    if (token->used)
        luaL_error(L, "the token of ContextVar '%s' has been used already", push_name(L, 1));
    return token;
}

/* var:reset(token): makes it what it was before the set that gave the token. Switches: never. */
static int l_reset(lua_State *L)
{
    check(L);
    ltask *task = crun__extra_task(L, "a ContextVar");
    ltoken *token = check_token(L, task);
    lua_getiuservalue(L, 2, TOKEN_OLD);
    set_entry(L, task, 1);
    token->used = true;
    return 0;
}

static int l_name(lua_State *L)
{
    check(L);
    push_name(L, 1);
    return 1;
}

static int var_tostring(lua_State *L)
{
    check(L);
    lua_pushfstring(L, "crun.ContextVar: '%s'", push_name(L, 1));
    return 1;
}

static int token_tostring(lua_State *L)
{
    const ltoken *token = crun__object_check(L, 1, &token_class);
    lua_getiuservalue(L, 1, TOKEN_VAR);
    lua_pushfstring(L, "crun.Token: of ContextVar '%s'%s", push_name(L, -1),
                    token->used ? " (used)" : "");
    return 1;
}

static const luaL_Reg methods[] = {
    {"get", l_get}, {"set", l_set}, {"reset", l_reset}, {"name", l_name}, {NULL, NULL}};
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const luaL_Reg var_metamethods[] = {{"__tostring", var_tostring}, {NULL, NULL}};
static const luaL_Reg token_metamethods[] = {{"__tostring", token_tostring}, {NULL, NULL}};

static const crun__class var_class = {"crun.ContextVar", methods, var_metamethods, sizeof(lvar),
                                      VAR_DEFAULT};
static const crun__class token_class = {"crun.Token", no_methods, token_metamethods, sizeof(ltoken),
                                        TOKEN_OLD};

/*
 * ContextVar(name [, default]) -> ContextVar. Tasks spawned from now on begin with their spawner's
 * context.
 */
static int l_contextvar(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    bool has_default = !lua_isnone(L, 2);
    lua_settop(L, 2);
    lvar *var = crun__object_new(L, &var_class);
    var->has_default = has_default;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 3, VAR_NAME);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 3, VAR_DEFAULT);
    crun__universe->unusual |= CRUN__SPAWN_CONTEXT;
    return 1;
}

void crun__open_context(lua_State *L)
{
    static const luaL_Reg functions[] = {{"ContextVar", l_contextvar}, {NULL, NULL}};
    crun__class_open(L, &var_class, 0);
    crun__class_open(L, &token_class, 0);
    crun__open_functions(L, functions);
}
