/* SPDX-License-Identifier: MIT */
#include "lscope.h"

#include "lerror.h"

typedef struct lscope {
    crun__object object;
    crun__lscope body;
} lscope;

/* A coroutine that was inside a scope may be dropped; then its scope goes with it. */
static int scope_gc(lua_State *L)
{
    lscope *s = lua_touserdata(L, 1);
    crun__scope_leave(&s->body.scope);
    return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", scope_gc}, {NULL, NULL}};
static const crun__class scope_class = {"crun.Scope", NULL, metamethods, sizeof(lscope), 0};

/* The function's results, or its error unless it is this scope's own time that was up. */
static int finish(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    lscope *s = lua_touserdata(L, 1);
    bool expired = s->body.scope.state == CRUN__SCOPE_EXPIRED;
    crun__scope_leave(&s->body.scope);
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - 1;
    lua_Integer scope;
    if (expired && crun__cancelled_test(L, -1, &scope) && scope == s->body.id)
        return crun__lua_fail(L, CRUN_ETIMEDOUT);
    return lua_error(L);
}

/* The stack holds the scope's slot, the function and its arguments. */
static int run_in_scope(lua_State *L, bool shield, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    lscope *s = crun__object_new(L, &scope_class);
    s->body.id = ++crun__universe->next_scope;
    lua_replace(L, 1);
    int rc = crun__scope_enter(&s->body.scope, self, shield, deadline);
    if (rc < 0)
        return crun__lua_raise(L, self, rc);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish);
    return finish(L, status, 0);
}

/* So far up is looked for the function that entered a scope; each step up takes as many again. */
enum { ORIGIN_DEPTH = 250 };

/* The level of the C function whose first value is the object, or -1. */
static int level_of(lua_State *L, const lscope *object)
{
    lua_Debug ar;
    if (!lua_checkstack(L, 1))
        return -1;
    for (int level = 0; level < ORIGIN_DEPTH && lua_getstack(L, level, &ar); level++) {
        if (!lua_getlocal(L, &ar, 1))
            continue;
        bool found = lua_touserdata(L, -1) == object;
        lua_pop(L, 1);
        if (found)
            return level;
    }
    return -1;
}

void crun__lscope_origin(lua_State *L, const crun__lscope *s)
{
    const lscope *object = crun__container_of(s, lscope, body);
    crun_task *self = crun__hub->current;
    lua_State *in = L;
    int level = level_of(in, object);
    if (level < 0 && crun__is_ltask(self)) {
        in = ((ltask *)self)->L;
        level = level_of(in, object);
    }
    if (level < 0) {
        lua_pushnil(L);
        return;
    }
    crun__origin_push(in, level + 1);
    lua_xmove(in, L, 1);
}

/* with_timeout(seconds, fn, ...) -> fn's results | nil, message, "ETIMEDOUT". May wait. */
static int l_with_timeout(lua_State *L)
{
    crun__lua_self(L);
    crun_time deadline = crun__lua_deadline(L, 1);
    crun__lua_checkcallable(L, 2);
    return run_in_scope(L, false, deadline);
}

/* shield(fn, ...) -> fn's results. May wait. */
static int l_shield(lua_State *L)
{
    crun__lua_checkcallable(L, 1);
    lua_pushnil(L);
    lua_insert(L, 1);
    return run_in_scope(L, true, CRUN_FOREVER);
}

void crun__open_scope(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"with_timeout", l_with_timeout},
        {"shield", l_shield},
        {NULL, NULL},
    };
    crun__class_open(L, &scope_class, 0);
    crun__open_functions(L, functions);
}
