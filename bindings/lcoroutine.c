/*
 * SPDX-License-Identifier: MIT
 *
 * The coroutines of tasks: taken when a task starts, used again once it has returned.
 */
#include "lspawn.h"

/* Extends the array of idle coroutines by those that found no room in it since the last time. */
static void grow_idle(lua_State *L, crun__lua *u, int idle)
{
    for (; u->idle_dropped > 0; u->idle_dropped--) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, idle, u->idle_room + 1); /* may raise */
        u->idle_room++;
    }
}

/* Pushes an idle one. The entry it leaves behind is cleared by trim_idle. */
static inline lua_State *take_idle(crun__lua *u)
{
    uint32_t place = u->idle_count--;
    if (u->idle_count < u->idle_least)
        u->idle_least = u->idle_count;
    lua_rawgeti(u->store, CRUN__UP_IDLE, place);
    return lua_tothread(u->store, -1);
}

static void put_idle(crun__lua *u, lua_State *co)
{
    lua_pushthread(co);
    lua_xmove(co, u->store, 1);
    lua_rawseti(u->store, CRUN__UP_IDLE, ++u->idle_count);
    if (u->idle_count > u->idle_high)
        u->idle_high = u->idle_count;
}

/* Protected: one more is idle. */
static void make_idle(lua_State *L, void *arg)
{
    crun__lua *u = arg;
    lua_pushvalue(u->store, CRUN__UP_IDLE);
    lua_xmove(u->store, L, 1);
    if (u->idle_count == u->idle_room)
        u->idle_dropped++;
    grow_idle(L, u, lua_gettop(L));
    crun__cycle_marker(L);
    put_idle(u, lua_newthread(L));
}

/*
 * Moves the function and the arguments from the user values of the task, which lies on top of the
 * store, to the coroutine below it, which takes the function's place.
 */
static void move_call(crun__lua *u, const ltask *t, lua_State *co)
{
    lua_State *store = u->store;
    int task = lua_gettop(store), value = 1;
    if (t->base.flags & LTASK_BOX) {
        lua_getiuservalue(store, task, 1);
        lua_rawgeti(store, -1, LTASK_VALUE);
        lua_xmove(store, co, 1);
        lua_pushvalue(store, task - 1);
        lua_rawseti(store, -2, LTASK_VALUE);
        lua_pop(store, 1);
    } else {
        lua_getiuservalue(store, task, 1);
        lua_xmove(store, co, 1);
        lua_pushvalue(store, task - 1);
        lua_setiuservalue(store, task, 1);
    }
    while (lua_getiuservalue(store, task, ++value) != LUA_TNONE) {
        lua_xmove(store, co, 1);
        lua_pushnil(store);
        lua_setiuservalue(store, task, value);
    }
    lua_settop(store, task - 2);
}

bool crun__coroutine_start(crun__lua *u, ltask *t)
{
    if (u->idle_count == 0 && crun__lua_protected(u->aux, make_idle, u) != LUA_OK)
        return false;
    lua_State *co = take_idle(u);
    crun__ltask_push(u->store, t);
    move_call(u, t, co);
    t->L = co;
    return true;
}

void crun__coroutine_give_back(crun__lua *u, lua_State *co)
{
    if (u->idle_count == u->idle_room) {
        u->idle_dropped++;
        return;
    }
    lua_settop(co, 0);
    if (lua_gethook(co))
        lua_sethook(co, NULL, 0, 0);
    put_idle(u, co);
}
