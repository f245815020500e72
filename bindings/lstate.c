/*
 * SPDX-License-Identifier: MIT
 *
 * Attaching a Lua state to a hub, and the end of both.
 *
 * Under a stock interpreter nothing tells the module that the main chunk has ended but the state's
 * closing, which runs the finalizers, the newest object's first. The sentinel's finalizer waits for
 * the tasks that are left; the objects that they use must be whole by then, and so older than the
 * sentinel. It is made anew whenever the main task spawns, comes back from a wait in which others
 * may have made objects, or makes an object of crun's. What the main chunk makes for tasks after
 * its last call of crun is not safe. A host that calls crun_lua_finish needs none of this.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../runtime/monitor.h"
#include "../runtime/port.h"
#include "../runtime/scope.h"
#include "lcall.h"
#include "lerror.h"
#include "lextra.h"
#include "lfuture.h"
#include "lgreenlet.h"
#include "lgroup.h"
#include "lmonitor.h"
#include "loverflow.h"
#include "lsignal.h"
#include "lspawn.h"

#define SENTINEL "crun.Sentinel"

/* Those that wait for the end stay; daemons must end now, too. */
static void dismiss_at_last(crun__lua *u, ltask *t)
{
    if (t == u->main || &t->base == crun__hub->current)
        return;
    crun_task_set_daemon(&t->base, false);
    crun_task_cancel(&t->base);
}

static void dismiss(crun__lua *u, ltask *t)
{
    if (!(t->base.flags & CRUN__LASTING))
        dismiss_at_last(u, t);
}

static void interrupt(crun__lua *u, ltask *t)
{
    (void)u;
    crun__flag_clear(&t->base, CRUN__TOLD);
    if (!(t->base.flags & CRUN__LASTING))
        crun_task_cancel(&t->base);
}

/* Calls fn for every live Lua task. Needs no memory. */
static void each_ltask(crun__lua *u, void (*fn)(crun__lua *u, ltask *t))
{
    lua_State *L = u->store;
    for (uint32_t slot = 1; slot <= u->slot_count; slot++) {
        lua_rawgeti(L, CRUN__UP_ANCHORS, slot);
        ltask *t = lua_touserdata(L, -1);
        lua_pop(L, 1);
        if (t && !crun__task_ended(&t->base))
            fn(u, t);
    }
}

/* --- the end ------------------------------------------------------------------------------ */

static void print_deadlock(lua_State *L, void *arg)
{
    (void)arg;
    crun__deadlock_text(L);
    (void)fprintf(stderr, "crun: %s\n", lua_tostring(L, -1));
    (void)fflush(stderr);
}

/* An error thrown at the task that waits here finds no code of its that it could be raised in. */
static int run_others(crun_hub *hub)
{
    int rc;
    do {
        crun__flag_clear(hub->current, CRUN__THROWN);
        rc = crun_hub_run(hub);
    } while (rc < 0 && (hub->current->flags & CRUN__THROWN));
    return rc;
}

/* Lets the others run to their end. Returns: 0, or CRUN_EDEADLK, of which it tells if asked to. */
static int wait_for_tasks(crun__lua *u, bool tell)
{
    int rc = run_others(u->type.hub);
    if (rc == CRUN_EDEADLK && tell)
        crun__lua_protected(u->aux, print_deadlock, NULL);
    return rc == CRUN_EDEADLK ? rc : 0;
}

/* Failed groups and futures are told of at the very end: up to it somebody may look at them. */
static int finish(crun__lua *u, unsigned flags)
{
    int rc = 0;
    bool waits = !(flags & CRUN_LUA_CANCEL);
    if (waits)
        rc = wait_for_tasks(u, true);
    u->finished = true;
    crun__calls_drop(u);
    u->unusual |= CRUN__SPAWN_ENDED;
    each_ltask(u, dismiss);
    int last = wait_for_tasks(u, waits && rc == 0);
    each_ltask(u, dismiss_at_last);
    int lasting = wait_for_tasks(u, false);
    last = last < 0 ? last : lasting;
    crun__lua_protected(u->aux, crun__group_report_all, NULL);
    crun__lua_protected(u->aux, crun__lfuture_report_all, NULL);
    return rc < 0 ? rc : last;
}

/* Waits for the others even when the main task has been cancelled itself. */
int crun_lua_finish(lua_State *L, unsigned flags)
{
    crun__lua *u = crun__universe;
    if (!u || u->finished)
        return 0;
    crun__scope shield;
    crun__scope_enter(&shield, crun__hub->current, true, CRUN_FOREVER);
    crun__greenlets_unwind(L, crun__hub->current);
    int rc = finish(u, flags);
    crun__scope_leave(&shield);
    return rc;
}

/* What waits inside a shield for what nothing can bring is left when all has ended. */
static void abandon(crun__lua *u, ltask *t)
{
    if (t != u->main && &t->base != crun__hub->current)
        crun__hub_abandon(crun__hub, &t->base);
}

/* Cut off from the state: callbacks that still come must find no task of it. */
static void detach(crun__lua *u)
{
    crun_hub *hub = u->type.hub;
    each_ltask(u, abandon);
    crun__sources_free(&u->sources);
    crun__universe = NULL;
    crun__monitor_stop(hub);
    crun__monitor_forget();
    crun__ports_disown(hub);
    if (hub->main == &u->main->base)
        crun__hub_reset_main(hub);
    free(u->free_slots);
    u->free_slots = NULL;
    if (u->owns_hub) {
        crun__signals_give_back(hub);
        crun_hub_free(hub);
    }
}

/* Closed from within another task (os.exit): the main task's frames have gone from under it. */
static void leave_main_behind(crun__lua *u)
{
    crun_hub *hub = u->type.hub;
    if (hub->current == hub->main)
        return;
    crun__hub_abandon_main(hub);
    crun__greenlets_drop_main(u);
    crun_task_set_daemon(hub->current, true); /* or it would wait for itself */
}

/* For a host's os.exit that closes the state: ends the tasks while all their objects are whole. */
void crun__lua_exit(lua_State *L)
{
    crun__lua *u = crun__universe;
    if (!u || u->finished)
        return;
    leave_main_behind(u);
    crun_lua_finish(L, CRUN_LUA_CANCEL);
}

/* Of the sentinels only the last one speaks; earlier ones are garbage. */
static int sentinel_gc(lua_State *L)
{
    crun__lua *u = crun__universe;
    if (!u || lua_touserdata(L, 1) != u->sentinel)
        return 0;
    u->closing = true;
    bool by_exit = crun__hub->current != crun__hub->main;
    leave_main_behind(u);
    crun_lua_finish(L, by_exit ? CRUN_LUA_CANCEL : 0);
    detach(u);
    return 0;
}

static void renew_sentinel(lua_State *L, crun__lua *u)
{
    void *sentinel = lua_newuserdatauv(L, 0, 0);
    luaL_setmetatable(L, SENTINEL);
    lua_rawseti(L, LUA_REGISTRYINDEX, u->sentinel_ref);
    u->sentinel = sentinel;
}

/*
 * Not inside a finalizer: while the state closes, what is made there is never finalized, and the
 * one whose finalizer is still to come must stay the last.
 */
void crun__sentinel_renew(lua_State *L)
{
    if (lua_gc(L, LUA_GCCOUNT) >= 0)
        renew_sentinel(L, crun__universe);
}

void crun__sentinel_after_wait(lua_State *L, crun_task *self)
{
    crun__lua *u = crun__universe;
    crun_hub *hub = crun__hub;
    if (u->hosted || self != hub->main || u->sentinel_polls == hub->polls)
        return;
    u->sentinel_polls = hub->polls;
    crun__sentinel_renew(L);
}

/* --- attaching ---------------------------------------------------------------------------- */

static void open_metatables(lua_State *L)
{
    crun__open_errors(L);
    luaL_newmetatable(L, "crun.Task");
    luaL_newmetatable(L, SENTINEL);
    lua_pushcfunction(L, sentinel_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 2);
}

static lua_State *new_thread(lua_State *L)
{
    lua_State *thread = lua_newthread(L);
    luaL_ref(L, LUA_REGISTRYINDEX);
    return thread;
}

/* The main task has its userdata like every other. */
static void make_main(lua_State *L, crun__lua *u)
{
    ltask *t = lua_newuserdatauv(L, sizeof *t, 1);
    *t = (ltask){.L = u->L, .slot = 1};
    luaL_setmetatable(L, "crun.Task");
    /* On L, where an error is caught. */
    lua_pushvalue(u->store, CRUN__UP_ANCHORS);
    lua_xmove(u->store, L, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pop(L, 1);
    u->slot_count = 1;
    u->main = t;
}

static void push_tables(lua_State *L, int count)
{
    while (count-- > 0)
        lua_newtable(L);
}

/* Its stack starts with what all functions have as upvalues. */
static lua_State *make_store(lua_State *L)
{
    lua_State *store = new_thread(L);
    lua_newtable(L);
    lua_newtable(L);
    luaL_getmetatable(L, "crun.Task");
    lua_pushnil(L);
    crun__weak_table_push(L, "v");
    lua_pushliteral(L, "the task's coroutine was closed by somebody else");
    lua_pushliteral(L, "not enough memory");
    lua_pushboolean(L, 0);
    push_tables(L, CRUN__STORE_SIZE - CRUN__STORE_NOTHING);
    lua_xmove(L, store, CRUN__STORE_SIZE);
    return store;
}

/* The block lives as long as the registry, longer than any task. */
static crun__lua *make_universe(lua_State *L)
{
    open_metatables(L);
    crun__lua *u = lua_newuserdatauv(L, sizeof *u, 0);
    *u = (crun__lua){.store = make_store(L),
                     .aux = new_thread(L),
                     .resume = lua_resume,
                     .greenlets_most = SIZE_MAX};
    crun__list_init(&u->calls);
    crun__list_init(&u->sources);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    u->L = lua_tothread(L, -1);
    lua_pop(L, 1);
    make_main(L, u);
    lua_pushboolean(L, 0);
    u->sentinel_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    renew_sentinel(L, u);
    lua_newtable(L);
    u->core = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_ref(L, LUA_REGISTRYINDEX);
    return u;
}

static void make_protected(lua_State *L, void *out)
{
    *(crun__lua **)out = make_universe(L);
}

static int use_hub(crun_hub **hub, bool *created)
{
    *created = false;
    if (!*hub)
        *hub = crun_hub_current();
    if (!*hub) {
        *created = true;
        return crun_hub_new(hub, NULL);
    }
    if (*hub != crun_hub_current() || (*hub)->current != (*hub)->main)
        return CRUN_EPERM;
    return 0;
}

int crun_lua_attach(lua_State *L, crun_hub *hub)
{
    bool created, hosted = hub != NULL;
    if (crun__universe) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
        bool same = lua_tothread(L, -1) == crun__universe->L;
        lua_pop(L, 1);
        return same ? 0 : CRUN_EALREADY;
    }
    int rc = use_hub(&hub, &created);
    if (rc < 0)
        return rc;
    crun__lua *u = NULL;
    if (crun__lua_protected(L, make_protected, &u) != LUA_OK) {
        if (created)
            crun_hub_free(hub);
        return CRUN_ENOMEM;
    }
    u->owns_hub = created;
    u->hosted = hosted;
    crun__ltask_type_init(u, hub);
    crun__hub_set_main(hub, &u->main->base, &u->type);
    crun__universe = u;
    hub->on_overflow = crun__lua_overflow;
    return 0;
}

size_t crun_lua_failures(lua_State *L)
{
    (void)L;
    return crun__universe ? crun__universe->failures : 0;
}

void crun_lua_interrupt(const char *reason)
{
    crun__lua *u = crun__universe;
    if (!u)
        return;
    u->interrupt = reason;
    each_ltask(u, interrupt);
}

static void stop(crun__lua *u, ltask *t)
{
    if (crun_task_is_daemon(&t->base))
        return;
    interrupt(u, t);
}

void crun__lua_stop(const char *reason)
{
    crun__lua *u = crun__universe;
    if (!u)
        return;
    u->interrupt = reason;
    each_ltask(u, stop);
}

lua_State *crun_lua_running(void)
{
    crun__lua *u = crun__universe;
    if (!u || !crun__hub->current || !crun__is_ltask(crun__hub->current))
        return NULL;
    return crun__greenlet_coroutine((ltask *)crun__hub->current);
}
