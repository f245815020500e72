/*
 * SPDX-License-Identifier: MIT
 *
 * The start of a Lua task: what spawn does.
 */
#include "lspawn.h"

#include <stdlib.h>

#include "lextra.h"

/* So many fit into the room that Lua grants every C function, and every new coroutine. */
enum { FEW_ARGUMENTS = LUA_MINSTACK - 8 };

/* --- anchors ------------------------------------------------------------------------------ */

/* A slot whose entry in the array at `anchors` exists. Raises before it has taken anything. */
static uint32_t slot_take(lua_State *L, crun__lua *u, int anchors)
{
    if (u->free_count > 0)
        return u->free_slots[--u->free_count];
    if (u->slot_count == CRUN__MOST_SLOTS)
        luaL_error(L, "too many tasks");
    if (u->slot_count >= u->slot_capacity) {
        uint32_t capacity = u->slot_capacity ? u->slot_capacity * 2 : 64;
        uint32_t *slots = realloc(u->free_slots, capacity * sizeof *slots);
        if (!slots)
            luaL_error(L, "not enough memory");
        u->free_slots = slots;
        u->slot_capacity = capacity;
    }
    lua_pushboolean(L, 0);
    lua_rawseti(L, anchors, u->slot_count + 1);
    return ++u->slot_count;
}

/* What slot_take will return. */
static uint32_t next_slot(const crun__lua *u)
{
    return u->free_count > 0 ? u->free_slots[u->free_count - 1] : u->slot_count + 1;
}

/* --- spawn -------------------------------------------------------------------------------- */

/* Where the shared upvalues are: at pseudo-indices, or on the stack. */
typedef struct places {
    int anchors, meta;
} places;

/*
 * A task gets a coroutine when it starts. Until then its function and arguments are its user
 * values: many tasks that do not wait have one coroutine by turns, which stays in the caches.
 */
static ltask *new_late(lua_State *L, int fn, int nargs)
{
    ltask *t = lua_newuserdatauv(L, sizeof *t, 1 + nargs);
    t->base.type = NULL; /* no task yet, if an error comes now */
    t->L = NULL;
    int self = lua_gettop(L);
    for (int i = 0; i <= nargs; i++) {
        lua_pushvalue(L, fn + i);
        lua_setiuservalue(L, self, 1 + i);
    }
    return t;
}

/* It gets one at once if there are many arguments, or a hook to inherit. */
static ltask *new_at_once(lua_State *L, int fn, int nargs)
{
    ltask *t = lua_newuserdatauv(L, sizeof *t, 1);
    t->base.type = NULL;
    int self = lua_gettop(L);
    crun__cycle_marker(L);
    t->L = lua_newthread(L);
    lua_setiuservalue(L, self, 1);
    luaL_checkstack(L, nargs + 1, NULL);
    if (!lua_checkstack(t->L, nargs + 1))
        luaL_error(L, "too many arguments");
    for (int i = fn; i <= fn + nargs; i++)
        lua_pushvalue(L, i);
    lua_xmove(L, t->L, nargs + 1);
    return t;
}

/*
 * Starts a task of the function and its nargs arguments, which start at index fn and stay there;
 * pushes the Task. What it inherits starts at that index, or it is 0, which costs nothing.
 */
static inline void spawn(lua_State *L, int fn, int nargs, int level, places at, int inherited)
{
    crun__lua *u = crun__universe;
    bool late = nargs <= FEW_ARGUMENTS && !lua_gethook(L);
    ltask *t = late ? new_late(L, fn, nargs) : new_at_once(L, fn, nargs);
    int self = lua_gettop(L);
    lua_pushvalue(L, at.meta);
    lua_setmetatable(L, self);
    if (inherited)
        crun__extra_bequeath(L, inherited, next_slot(u));
    uint32_t slot = slot_take(L, u, at.anchors);
    /* From here on nothing raises: who finds an anchored task takes it for one that runs. */
    lua_pushvalue(L, self);
    lua_rawseti(L, at.anchors, slot);
    t->slot = slot & CRUN__MOST_SLOTS;
    t->nargs = (late ? (unsigned)nargs : 0) & 15;
    crun__site site = crun__site_take(L, level);
    t->source = site.source;
    t->line = site.line;
    crun__task_start(&t->base, &u->type, false);
    if (inherited)
        crun__flag_set(&t->base, CRUN__EXTRA);
}

/* The main task's first spawn after others may have made objects. */
static inline void before_spawn(lua_State *L, const crun__lua *u)
{
    if (!u->hosted && crun__hub->current == crun__hub->main)
        crun__sentinel_renew(L);
}

static _Noreturn void refuse_spawn(lua_State *L)
{
    luaL_error(L, "crun has ended: nothing can be spawned any more");
    abort(); /* not reached, which Lua's headers do not say */
}

void crun__before_spawn(lua_State *L)
{
    const crun__lua *u = crun__universe;
    if (!u || u->unusual & CRUN__SPAWN_ENDED)
        refuse_spawn(L);
    before_spawn(L, u);
}

/* What the task inherits is kept at the index heritage; 0: it comes from the running task. */
static __attribute__((noinline)) void spawn_unusual(lua_State *L, int fn, int nargs, int level,
                                                    places at, int heritage)
{
    crun__before_spawn(L);
    int inherited = heritage ? crun__heritage_open(L, heritage) : crun__extra_inherit(L);
    spawn(L, fn, nargs, level, at, inherited);
    if (inherited) {
        lua_replace(L, inherited);
        lua_settop(L, inherited);
    }
}

void crun__ltask_spawn_at(lua_State *L, int fn, int nargs, int level)
{
    const crun__lua *u = crun__universe;
    const places at = {lua_upvalueindex(CRUN__UP_ANCHORS), lua_upvalueindex(CRUN__UP_TASK_META)};
    if (!u || u->unusual) {
        spawn_unusual(L, fn, nargs, level, at, 0);
        return;
    }
    before_spawn(L, u);
    spawn(L, fn, nargs, level, at, 0);
}

int crun__l_spawn(lua_State *L)
{
    crun__lua_checkcallable(L, 1);
    crun__ltask_spawn_at(L, 1, lua_gettop(L) - 1, 1);
    return 1;
}

int crun__l_spawn_for(lua_State *L)
{
    int level = (int)luaL_checkinteger(L, 1);
    crun__lua_checkcallable(L, 2);
    crun__ltask_spawn_at(L, 2, lua_gettop(L) - 2, level + 1);
    return 1;
}

void crun__ltask_spawn_heir(lua_State *L, int nargs, int heritage)
{
    luaL_checkstack(L, 12, NULL);
    int up = lua_gettop(L), fn = up - nargs;
    if (crun__universe)
        crun__push_upvalues(L);
    const places at = {up + CRUN__UP_ANCHORS, up + CRUN__UP_TASK_META};
    spawn_unusual(L, fn, nargs, 1, at, heritage);
    lua_replace(L, fn);
    lua_settop(L, fn);
}

void crun__ltask_spawn(lua_State *L, int nargs)
{
    crun__ltask_spawn_heir(L, nargs, 0);
}

void crun__ltask_set_site(ltask *task, crun__site site)
{
    crun__source_drop(task->source);
    task->source = site.source;
    task->line = site.line;
}

void crun_lua_spawn(lua_State *L, int nargs)
{
    crun__lua_checkcallable(L, lua_gettop(L) - nargs);
    crun__ltask_spawn(L, nargs);
}
