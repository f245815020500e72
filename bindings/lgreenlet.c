/*
 * SPDX-License-Identifier: MIT
 *
 * The Greenlet object.
 */
#include "lgreenlet.h"

#include <string.h>

#include "lerror.h"
#include "lextra.h"

static const crun__class greenlet_class, greenlets_class;

crun__lgreenlet *crun__lgreenlet_check(lua_State *L, int index)
{
    return crun__object_check(L, index, &greenlet_class);
}

/* --- making ------------------------------------------------------------------------------- */

/* Pushes what the greenlets of a task share. */
static crun__lgreenlets *new_shared(lua_State *L)
{
    crun__lgreenlets *all = crun__object_new(L, &greenlets_class);
    all->exit = ++crun__universe->next_scope;
    lua_pushliteral(L, "the greenlet is not needed any more");
    crun__cancelled_push(L, -1, -1, all->exit);
    lua_setiuservalue(L, -3, CRUN__GREENLETS_EXIT);
    lua_pop(L, 1);
    return all;
}

/* Pushes the root of a task that has had no greenlets so far. */
static crun__lgreenlet *new_root(lua_State *L, ltask *task)
{
    crun__lgreenlet *g = crun__object_new(L, &greenlet_class);
    crun__lgreenlets *all = new_shared(L);
    crun__greenlets_init(&all->body, &g->base, &task->base);
    lua_setiuservalue(L, -2, CRUN__GREENLET_OF);
    lua_pushvalue(L, -1);
    crun__extra_set(L, task, CRUN__EXTRA_GREENLET);
    return g;
}

crun__lgreenlet *crun__lgreenlet_current(lua_State *L)
{
    ltask *task = crun__extra_task(L, "a Greenlet");
    if (crun__extra_get(L, task, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA)
        return lua_touserdata(L, -1);
    lua_pop(L, 1);
    return new_root(L, task);
}

/*
 * Greenlet(fn) -> Greenlet of the running task; the active one becomes its parent. fn runs at the
 * first switch to it. Switches: never.
 */
static int l_greenlet(lua_State *L)
{
    crun__lua_checkcallable(L, 1);
    lua_settop(L, 1);
    crun__lgreenlet *parent = crun__lgreenlet_current(L);
    crun__lgreenlet *g = crun__object_new(L, &greenlet_class);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 3, CRUN__GREENLET_PARENT);
    lua_getiuservalue(L, 2, CRUN__GREENLET_OF);
    lua_setiuservalue(L, 3, CRUN__GREENLET_OF);
    crun__greenlet_init(&g->base, &parent->base, crun__lgreenlet_run);
    g->L = g->co = lua_newthread(L);
    lua_setiuservalue(L, 3, CRUN__GREENLET_CO);
    lua_pushvalue(L, 3);
    lua_pushcfunction(L, crun__lgreenlet_on_error);
    lua_pushvalue(L, 1);
    lua_xmove(L, g->L, 3);
    return 1;
}

/* getcurrent() -> the running task's active Greenlet; its root if it has no other. */
static int l_getcurrent(lua_State *L)
{
    crun__lgreenlet_current(L);
    return 1;
}

/*
 * Nobody refers to it. If it is suspended it comes back onto the list of those to be unwound, which
 * needs no memory; else nothing of it is left.
 */
static int l_gc(lua_State *L)
{
    const crun__lgreenlet *g = lua_touserdata(L, 1);
    if (g->base.state != CRUN__GREENLET_SUSPENDED || !g->base.of->task || !crun__universe)
        return 0;
    lua_getiuservalue(L, 1, CRUN__GREENLET_OF);
    lua_getiuservalue(L, 2, CRUN__GREENLETS_ABANDONED);
    lua_setiuservalue(L, 1, CRUN__GREENLET_NEXT);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, CRUN__GREENLETS_ABANDONED);
    crun__lgreenlets_of(g)->abandoned = true;
    return 0;
}

/* --- looking ------------------------------------------------------------------------------ */

static const char *state_name(const crun__lgreenlet *g)
{
    static const char *const names[] = {"new", "suspended", "active", "dead"};
    return crun__greenlet_dead(&g->base) ? "dead" : names[g->base.state];
}

static int l_tostring(lua_State *L)
{
    const crun__lgreenlet *g = crun__lgreenlet_check(L, 1);
    crun_task *task = g->base.of->task;
    if (task) {
        crun__ltask_push(L, (ltask *)task);
        crun__ltask_describe(L, -1);
    } else {
        lua_pushliteral(L, "a task that has ended");
    }
    lua_pushfstring(L, "crun.Greenlet: %p (%s%s, of %s)", lua_topointer(L, 1),
                    crun__greenlet_is_root(&g->base) ? "root, " : "", state_name(g),
                    lua_tostring(L, -1));
    return 1;
}

static int l_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    crun__lgreenlet *g = crun__lgreenlet_check(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "dead") == 0)
        lua_pushboolean(L, crun__greenlet_dead(&g->base));
    else if (strcmp(key, "parent") == 0)
        lua_getiuservalue(L, 1, CRUN__GREENLET_PARENT);
    return 1;
}

static void check_parent(lua_State *L, const crun__lgreenlet *g, const crun__lgreenlet *parent)
{
    if (crun__greenlet_is_root(&g->base))
        luaL_error(L, "the root greenlet of a task has no parent");
    if (g->base.of != parent->base.of)
        luaL_error(L, "a greenlet and its parent must belong to the same task");
    if (crun__greenlet_descends(&parent->base, &g->base))
        luaL_error(L, "a greenlet cannot be a parent of its own parents");
}

static int l_newindex(lua_State *L)
{
    crun__lgreenlet *g = crun__lgreenlet_check(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "parent") != 0)
        return luaL_error(L, "a Greenlet has no field '%s' to set", luaL_tolstring(L, 2, NULL));
    crun__lgreenlet *parent = crun__object_test(L, 3, &greenlet_class);
    if (!parent)
        return luaL_error(L, "a Greenlet's parent must be a Greenlet, not a %s",
                          luaL_typename(L, 3));
    check_parent(L, g, parent);
    g->base.parent = &parent->base;
    lua_settop(L, 3);
    lua_setiuservalue(L, 1, CRUN__GREENLET_PARENT);
    return 0;
}

/* --- tracebacks --------------------------------------------------------------------------- */

/* A traceback that has grown so long through several greenlets is not continued. */
enum { LONG_TRACEBACK = 8000 };

static bool is_exit(lua_State *L, int index, lua_Integer exit)
{
    lua_Integer scope;
    return crun__cancelled_test(L, index, &scope) && scope == exit;
}

int crun__lgreenlet_on_error(lua_State *L)
{
    lua_settop(L, 1);
    const crun__lgreenlet *g = crun__lgreenlet_current(L);
    lua_getiuservalue(L, 2, CRUN__GREENLET_OF);
    lua_replace(L, 2);
    lua_pushvalue(L, 1);
    if (is_exit(L, 1, crun__lgreenlets_of(g)->exit))
        return 1;
    lua_getiuservalue(L, 2, CRUN__GREENLETS_ERROR);
    bool again = lua_rawequal(L, 1, -1) && !lua_isnil(L, 1);
    lua_getiuservalue(L, 2, CRUN__GREENLETS_TRACEBACK);
    if (again && lua_rawlen(L, -1) > LONG_TRACEBACK) {
        lua_settop(L, 1);
        return 1;
    }
    luaL_traceback(L, L, NULL, 1);
    if (again) {
        lua_pushliteral(L, "\nswitched to by:\n");
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
    lua_setiuservalue(L, 2, CRUN__GREENLETS_TRACEBACK);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, CRUN__GREENLETS_ERROR);
    lua_settop(L, 1);
    return 1;
}

int crun__greenlet_error_traceback(lua_State *L, ltask *task)
{
    int top = lua_gettop(L), parts = 0;
    if (lua_checkstack(task->L, 1) &&
        crun__extra_get(L, task, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA) {
        lua_getiuservalue(L, -1, CRUN__GREENLET_OF);
        lua_getiuservalue(L, -1, CRUN__GREENLETS_ERROR);
        lua_pushvalue(task->L, -1);
        lua_xmove(task->L, L, 1);
        if (lua_rawequal(L, -1, -2) && !lua_isnil(L, -1)) {
            lua_getiuservalue(L, -3, CRUN__GREENLETS_TRACEBACK);
            lua_replace(L, top + 1);
            lua_settop(L, top + 1);
            lua_pushliteral(L, "\nswitched to by:\n");
            parts = 2;
        }
    }
    lua_settop(L, top + parts);
    return parts;
}

lua_State *crun__greenlet_coroutine(const ltask *task)
{
    lua_State *store = crun__universe->store;
    const crun__lgreenlet *g = NULL;
    if (crun__extra_get(store, task, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA)
        g = lua_touserdata(store, -1);
    lua_pop(store, 1);
    return g && g->co ? g->co : task->L;
}

bool crun__greenlet_tracebacks(lua_State *L, const ltask *task)
{
    bool inside = crun__extra_get(L, task, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA;
    const crun__lgreenlet *g = inside ? lua_touserdata(L, -1) : NULL;
    lua_pop(L, 1);
    if (!inside || crun__greenlet_is_root(&g->base))
        return false;
    for (const crun__greenlet *b = g->base.parent; b; b = b->parent) {
        if (b->state != CRUN__GREENLET_SUSPENDED)
            continue;
        lua_pushliteral(L, "\ninside of ");
        luaL_traceback(L, crun__container_of(b, crun__lgreenlet, base)->L, NULL, 0);
        lua_concat(L, 3);
    }
    return true;
}

/* --- module ------------------------------------------------------------------------------- */

static const luaL_Reg metamethods[] = {
    {"__gc", l_gc}, {"__newindex", l_newindex}, {"__tostring", l_tostring}, {NULL, NULL}};

static const luaL_Reg no_methods[] = {{NULL, NULL}};

static const crun__class greenlet_class = {"crun.Greenlet", NULL, metamethods,
                                           sizeof(crun__lgreenlet), CRUN__GREENLET_REAPER};
static const crun__class greenlets_class = {"crun.Greenlets", no_methods, no_methods,
                                            sizeof(crun__lgreenlets), CRUN__GREENLETS_TRACEBACK};

static void open_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"switch", crun__l_greenlet_switch}, {"throw", crun__l_greenlet_throw}, {NULL, NULL}};
    luaL_getmetatable(L, greenlet_class.name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void crun__open_greenlet(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"Greenlet", l_greenlet},
        {"getcurrent", l_getcurrent},
        {NULL, NULL},
    };
    crun__class_open(L, &greenlet_class, 0);
    crun__class_open(L, &greenlets_class, 0);
    open_methods(L);
    crun__open_functions(L, functions);
}
