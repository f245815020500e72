/*
 * SPDX-License-Identifier: MIT
 *
 * The watchdog and preemption: what happens to a task that holds the hub for too long.
 *
 * The monitor's thread tells in a signal handler; the rest is done where the task's Lua code is
 * stopped (lpoke.h).
 */
#include "../runtime/monitor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lerror.h"
#include "lmonitor.h"
#include "lpoke.h"
#include "lspawn.h"

static const crun_time DEFAULT_SLICE = 10000000;

/* The hub's thread and handlers on it; the hub's, of which a thread has one at most. */
static _Thread_local struct {
    crun_time watch;       /* 0: no watchdog */
    crun_time slice;       /* 0: only tasks that ask for it are interrupted */
    bool asked;            /* some task has asked for it */
    crun_time held;        /* by the task that is to be reported */
    const crun_task *task; /* the one that has been reported, in that turn */
    uint64_t turn;
} own;

/* --- in the handler ------------------------------------------------------------------------- */

static void watch(crun_hub *hub, crun_time held)
{
    uint64_t turn = crun__hub_turn(hub);
    own.held = held;
    if (own.task == hub->current && own.turn == turn)
        return;
    own.task = hub->current;
    own.turn = turn;
    crun__poke(CRUN__POKE_WATCH);
}

/* The monitor looks twice per limit, so that two looks at the same turn are half of it apart. */
static void overrun(crun_hub *hub, crun_time held)
{
    if (!crun__universe)
        return;
    if (own.watch && held >= own.watch - own.watch / 8)
        watch(hub, held);
    if (own.slice || own.asked)
        crun__poke(CRUN__POKE_PREEMPT);
}

/* --- where the task was stopped ------------------------------------------------------------- */

static void report(lua_State *L, void *arg)
{
    lua_State *where = arg;
    ltask *t = (ltask *)crun__hub->current;
    crun__ltask_push(L, t);
    crun__ltask_describe(L, -1);
    crun__task_traceback(L, t, where, 0);
    (void)fprintf(stderr, "crun: watchdog: %s has held the hub for %.3f s\n%s\n",
                  lua_tostring(L, -2), (double)own.held / 1e9, lua_tostring(L, -1));
    (void)fflush(stderr);
}

/* The one line that needs no memory. */
void crun__watch_now(lua_State *L)
{
    if (crun__lua_protected(crun__universe->aux, report, L) == LUA_OK)
        return;
    (void)fprintf(stderr, "crun: watchdog: task#%llu has held the hub for %.3f s\n",
                  (unsigned long long)crun__hub->current->id, (double)own.held / 1e9);
}

/* What the task itself says comes before what holds for all. */
static bool preemptible(const ltask *t)
{
    lua_State *store = crun__universe->store;
    crun__ltask_push(store, t);
    bool says = crun__ltask_field(store, -1, LTASK_PREEMPT) == LUA_TNUMBER;
    bool wants = lua_tointeger(store, -1) != 0;
    lua_pop(store, 2);
    return says ? wants : own.slice > 0;
}

bool crun__monitor_spares(lua_State *L)
{
    const char *faces = crun__universe->faces;
    lua_Debug ar;
    return faces && lua_getstack(L, 0, &ar) && lua_getinfo(L, "S", &ar) &&
           strncmp(ar.source, faces, crun__universe->faces_size) == 0;
}

/*
 * A cancel is not delivered here: it comes at the next wait, as always. Where the task cannot be
 * parked it goes on. The turn was long, so timers and I/O are looked at before the next.
 */
void crun__preempt_now(lua_State *L)
{
    crun_hub *hub = crun__hub;
    crun_task *self = hub->current;
    if (!self || !preemptible((ltask *)self) || crun__lua_in_finalizer(L))
        return;
    if (crun__monitor_spares(L)) {
        crun__poke(CRUN__POKE_PREEMPT);
        return;
    }
    if (crun__runners_reserve(hub) < 0)
        return;
    self->runner->host = L;
    hub->budget = 0;
    crun__ready(hub, self);
    crun__switch_away(hub);
    if (self == hub->main)
        crun__sentinel_after_wait(L, self);
}

/* --- settings ------------------------------------------------------------------------------- */

/* The thread looks as often as the shorter of both limits asks for. */
static int settle(void)
{
    crun_time slice = own.slice ? own.slice : own.asked ? DEFAULT_SLICE : 0, limit = own.watch;
    if (slice && (!limit || slice < limit))
        limit = slice;
    if (limit)
        return crun__monitor_start(crun__hub, limit, overrun);
    crun__monitor_stop(crun__hub);
    return 0;
}

int crun__monitor_watch(crun_time limit)
{
    crun_time before = own.watch;
    own.watch = limit;
    int rc = settle();
    if (rc < 0)
        own.watch = before;
    return rc;
}

int crun__monitor_preempt(crun_time slice)
{
    crun_time before = own.slice;
    own.slice = slice;
    int rc = settle();
    if (rc < 0)
        own.slice = before;
    return rc;
}

crun__monitor_limits crun__monitor_get(void)
{
    return (crun__monitor_limits){own.watch, own.slice};
}

int crun__monitor_set(crun__monitor_limits limits)
{
    int rc = limits.watch ? crun__monitor_watch(limits.watch) : 0;
    return rc == 0 && limits.slice ? crun__monitor_preempt(limits.slice) : rc;
}

bool crun__monitor_watches(void)
{
    return own.watch > 0;
}

void crun__monitor_ask(lua_State *L)
{
    if (own.asked)
        return;
    own.asked = true;
    if (settle() == 0)
        return;
    own.asked = false;
    luaL_error(L, "no thread can be had to look after this task");
}

/* The hub is another one from now on, or none. */
void crun__monitor_forget(void)
{
    memset(&own, 0, sizeof own);
}

static crun_time check_limit(lua_State *L)
{
    if (lua_isnoneornil(L, 1))
        return 0;
    lua_Number seconds = lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : 0;
    if (!(seconds >= 0.001 && seconds <= 1e6))
        crun__lua_badarg(L, 1, "seconds from 0.001 to 1e6, or nil,");
    return (crun_time)(seconds * 1e9);
}

static int set(lua_State *L, crun_time before, int (*setter)(crun_time))
{
    crun__lua_self(L);
    if (setter(check_limit(L)) < 0)
        return luaL_error(L, "no thread can be had to look after the tasks");
    if (before)
        lua_pushnumber(L, (lua_Number)before / 1e9);
    else
        lua_pushnil(L);
    return 1;
}

/*
 * watchdog([seconds]) -> what it was: reports each task that holds the hub longer than that; nil:
 * nobody is watched. Switches: never.
 */
static int l_watchdog(lua_State *L)
{
    return set(L, own.watch, crun__monitor_watch);
}

/*
 * preempt([seconds]) -> what it was: a task that computes longer than that lets others run; nil:
 * only tasks whose field `preempt` is true. Switches: never.
 */
static int l_preempt(lua_State *L)
{
    return set(L, own.slice, crun__monitor_preempt);
}

/* faces(prefix): how the names of the chunks begin that must not be interrupted. */
static int l_faces(lua_State *L)
{
    crun__lua *u = crun__universe;
    u->faces = luaL_checklstring(L, 1, &u->faces_size);
    lua_pushvalue(L, 1);
    luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

void crun__open_monitor(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"watchdog", l_watchdog},
        {"preempt", l_preempt},
        {"faces", l_faces},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
