/* SPDX-License-Identifier: MIT */
#include "lextra.h"

static const crun__extra all[] = {CRUN__EXTRA_GREENLET, CRUN__EXTRA_LOCALS, CRUN__EXTRA_CONTEXT};
enum { COUNT = sizeof all / sizeof *all };

ltask *crun__extra_task(lua_State *L, const char *what)
{
    crun_task *self = crun__lua_self(L);
    if (!crun__is_ltask(self))
        luaL_error(L, "%s needs a task of Lua: a task of C runs here", what);
    return (ltask *)self;
}

/* Pops a value into the slot's entry. On L, where an error is caught. */
static void set(lua_State *L, uint32_t slot, crun__extra which)
{
    lua_State *store = crun__universe->store;
    lua_pushvalue(store, which);
    lua_xmove(store, L, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
}

/* An entry that does not exist stays so: making it would need memory. */
static void clear(uint32_t slot, crun__extra which)
{
    lua_State *store = crun__universe->store;
    if (lua_rawgeti(store, which, slot) != LUA_TNIL) {
        lua_pushboolean(store, 0);
        lua_rawseti(store, which, slot);
    }
    lua_pop(store, 1);
}

static void clear_all(uint32_t slot)
{
    for (int i = 0; i < COUNT; i++)
        clear(slot, all[i]);
}

void crun__extra_set(lua_State *L, ltask *task, crun__extra which)
{
    if (!(task->base.flags & CRUN__EXTRA)) {
        clear_all(task->slot);
        crun__flag_set(&task->base, CRUN__EXTRA);
    }
    set(L, task->slot, which);
}

void crun__extra_drop(ltask *task)
{
    clear_all(task->slot);
    crun__flag_clear(&task->base, CRUN__EXTRA);
}

int crun__extra_inherit(lua_State *L)
{
    crun_task *current = crun__hub->current;
    if (!current || !crun__is_ltask(current) || !(current->flags & CRUN__EXTRA))
        return 0;
    luaL_checkstack(L, 8, NULL);
    crun__context_inherit(L, (ltask *)current);
    crun__locals_inherit(L, (ltask *)current);
    int first = lua_gettop(L) - 1;
    if (lua_toboolean(L, first) || lua_toboolean(L, first + 1))
        return first;
    lua_pop(L, 2);
    return 0;
}

void crun__heritage_push(lua_State *L)
{
    int first = crun__universe->unusual ? crun__extra_inherit(L) : 0;
    if (!first) {
        lua_pushboolean(L, 0);
        return;
    }
    lua_createtable(L, 2, 0);
    lua_insert(L, first);
    lua_rawseti(L, first, 2);
    lua_rawseti(L, first, 1);
}

int crun__heritage_open(lua_State *L, int heritage)
{
    if (!lua_toboolean(L, heritage))
        return 0;
    lua_rawgeti(L, heritage, 1);
    lua_rawgeti(L, heritage, 2);
    return lua_gettop(L) - 1;
}

void crun__extra_bequeath(lua_State *L, int inherited, uint32_t slot)
{
    clear_all(slot);
    lua_pushvalue(L, inherited);
    set(L, slot, CRUN__EXTRA_CONTEXT);
    lua_pushvalue(L, inherited + 1);
    set(L, slot, CRUN__EXTRA_LOCALS);
}
