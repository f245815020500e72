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

/*
 * Pushes an idle one. The entry it leaves behind is cleared by trim_idle, if it does not come back
 * before: then nothing is to be done, and mostly tasks end in the order that makes it so.
 */
static inline lua_State *take_idle(crun__lua *u)
{
    uint32_t place = u->idle_count--;
    if (u->idle_count < u->idle_least)
        u->idle_least = u->idle_count;
    lua_rawgeti(u->store, CRUN__UP_IDLE, place);
    u->idle_last = lua_tothread(u->store, -1);
    u->idle_last_place = place;
    return u->idle_last;
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
 * On the store lie what keeps the coroutine from now on and, on top, what it has kept until now:
 * the function. This goes to the coroutine, which takes its place.
 */
static lua_State *exchange(crun__lua *u, bool boxed)
{
    lua_State *store = u->store, *co = take_idle(u);
    if (boxed)
        lua_rawseti(store, -3, LTASK_VALUE);
    else
        lua_setiuservalue(store, -3, 1);
    lua_xmove(store, co, 1);
    return co;
}

/* With the task on top of the store. */
static void move_arguments(lua_State *store, const ltask *t, lua_State *co)
{
    for (int i = 2; i <= 1 + t->nargs; i++) {
        lua_getiuservalue(store, -1, i);
        lua_xmove(store, co, 1);
        lua_pushnil(store);
        lua_setiuservalue(store, -2, i);
    }
}

bool crun__coroutine_start(crun__lua *u, ltask *t)
{
    if (u->idle_count == 0 && crun__lua_protected(u->aux, make_idle, u) != LUA_OK)
        return false;
    lua_State *store = u->store;
    crun__ltask_push(store, t);
    lua_getiuservalue(store, -1, 1);
    if (t->base.flags & LTASK_BOX) {
        lua_rawgeti(store, -1, LTASK_VALUE);
        t->L = exchange(u, true);
        lua_pop(store, 1);
    } else {
        t->L = exchange(u, false);
    }
    move_arguments(store, t, t->L);
    lua_pop(store, 1);
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
    if (co == u->idle_last && u->idle_count + 1 == u->idle_last_place)
        u->idle_count++;
    else
        put_idle(u, co);
}
