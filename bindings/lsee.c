/* SPDX-License-Identifier: MIT */
#include "lsee.h"

#include <stdlib.h>

#include "lsync.h"

static int by_id(const void *a, const void *b)
{
    uint64_t one = (*(ltask *const *)a)->base.id, other = (*(ltask *const *)b)->base.id;
    return (one > other) - (one < other);
}

/* The task in that slot, on top of the stack; else NULL with nothing pushed. */
static ltask *push_slot(lua_State *L, uint32_t slot)
{
    lua_State *store = crun__universe->store;
    lua_rawgeti(store, CRUN__UP_ANCHORS, slot);
    ltask *t = lua_touserdata(store, -1);
    if (!t || crun__task_ended(&t->base)) {
        lua_pop(store, 1);
        return NULL;
    }
    lua_xmove(store, L, 1);
    return t;
}

/* A finalizer that runs meanwhile may spawn: what comes later is left out. */
ltask **crun__see_tasks(lua_State *L, size_t *count)
{
    size_t room = crun__universe->slot_count, n = 0;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_newtable(L);
    ltask **tasks = lua_newuserdatauv(L, room * sizeof(void *), 0);
    for (uint32_t slot = 1; slot <= crun__universe->slot_count && n < room; slot++) {
        ltask *t = push_slot(L, slot);
        if (!t)
            continue;
        tasks[n++] = t;
        lua_rawseti(L, -3, (lua_Integer)n);
    }
    qsort((void *)tasks, n, sizeof(void *), by_id);
    *count = n;
    return tasks;
}

void crun__see_name(lua_State *L, const crun_task *task)
{
    crun__hold_task(L, task);
}

void crun__lines_add(lua_State *L, int lines)
{
    lua_rawseti(L, lines, (lua_Integer)lua_rawlen(L, lines) + 1);
}

void crun__lines_join(lua_State *L, int lines)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    lua_Integer n = (lua_Integer)lua_rawlen(L, lines);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, lines, i);
        luaL_addvalue(&b);
        luaL_addchar(&b, '\n');
    }
    luaL_pushresult(&b);
}
