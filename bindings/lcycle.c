/*
 * SPDX-License-Identifier: MIT
 *
 * What is done once a cycle of Lua's collector: giving back what a burst of tasks left.
 */
#include "lspawn.h"

static void clear(crun__lua *u, int table, uint32_t place)
{
    lua_pushboolean(u->store, 0);
    lua_rawseti(u->store, table, place);
}

/*
 * Coroutines that stayed idle through a whole cycle are more than the program needs; half of them
 * go at a time. Behind the idle ones lie entries of coroutines that were taken.
 */
static void trim_idle(crun__lua *u)
{
    u->idle_last = NULL;
    u->idle_count -= (u->idle_least + 1) / 2;
    u->idle_least = u->idle_count;
    for (uint32_t place = u->idle_count + 1; place <= u->idle_high; place++)
        clear(u, CRUN__UP_IDLE, place);
    u->idle_high = u->idle_count;
}

static void clear_free_slots(crun__lua *u)
{
    for (uint32_t i = 0; i < u->free_count; i++)
        clear(u, CRUN__UP_ANCHORS, u->free_slots[i]);
}

/*
 * The finalizer of an object that is dropped as soon as it is made. The collector cannot call it
 * when it strikes in a coroutine without any stack left; then the next new coroutine makes another.
 */
static int on_cycle(lua_State *L)
{
    crun__lua *u = crun__universe;
    if (!u || u->closing)
        return 0;
    /* The store's tables are reached from its base level only. */
    if (L != u->store) {
        trim_idle(u);
        clear_free_slots(u);
    }
    crun__cycle_marker(L);
    return 0;
}

#define CYCLE_MARKER "crun.CycleMarker"

void crun__cycle_marker(lua_State *L)
{
    lua_State *store = crun__universe->store;
    bool alive = lua_rawgeti(store, CRUN__STORE_MARKER, 1) != LUA_TNIL;
    lua_pop(store, 1);
    if (alive)
        return;
    lua_newuserdatauv(L, 0, 0);
    if (luaL_newmetatable(L, CYCLE_MARKER)) {
        lua_pushcfunction(L, on_cycle);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    /* On L, where an error is caught. */
    lua_pushvalue(store, CRUN__STORE_MARKER);
    lua_xmove(store, L, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pop(L, 1);
}
