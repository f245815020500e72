/* SPDX-License-Identifier: MIT */
#include "ldrain.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "../runtime/drain.h"
#include "lsignal.h"
#include "lsync.h"

static struct {
    crun_event asked;
    double grace; /* seconds for the connections */
    bool over;
} drain;

bool crun__drain_over(void)
{
    return drain.over;
}

/* Seconds beyond the grace, for clean-ups. */
enum { CLEAN_UP = 5 };

/*
 * Whatever the script does, the process does not outlive its grace for long: a task that computes
 * for ever, or a clean-up that waits for ever, could keep it from noticing.
 */
static void set_alarm(void)
{
    if (drain.grace < INT_MAX)
        alarm((unsigned)ceil(drain.grace) + CLEAN_UP);
}

static void ask(void)
{
    if (drain.asked.set)
        return;
    set_alarm();
    crun_event_set(&drain.asked);
}

/* May be in the middle of a task's code. */
static void on_signal(int signo)
{
    if (signo == SIGTERM)
        ask();
    else
        crun_lua_interrupt(crun__signals_name());
}

/* drain.prepare(grace): from now on SIGTERM asks for a drain of so many seconds at most. */
static int l_prepare(lua_State *L)
{
    drain.grace = luaL_checknumber(L, 1);
    crun__signals_set_act(on_signal);
    return 0;
}

/* drain.ask(): asks for it as the signal does. */
static int l_ask(lua_State *L)
{
    (void)L;
    ask();
    return 0;
}

/* drain.asked([seconds]) -> true, once it has been asked for | nil, message, code. May wait. */
static int l_asked(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 1);
    return crun__sync_wait(L, self, crun__event_begin(&drain.asked, self), deadline);
}

/* drain.begin(): nothing is accepted any more. */
static int l_begin(lua_State *L)
{
    crun__lua_self(L);
    crun_hub_drain(crun__hub);
    return 0;
}

/* drain.idle([seconds]) -> true, once no accepted connection is open | nil, message, code. */
static int l_idle(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 1);
    return crun__sync_wait(L, self, crun__drain_begin(crun__hub, self), deadline);
}

/* drain.finish(): cancels everything, the caller too, as SIGTERM does elsewhere. */
static int l_finish(lua_State *L)
{
    (void)L;
    drain.over = true;
    crun_lua_interrupt("SIGTERM");
    return 0;
}

void crun__open_drain(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"prepare", l_prepare}, {"ask", l_ask},       {"asked", l_asked}, {"begin", l_begin},
        {"idle", l_idle},       {"finish", l_finish}, {NULL, NULL},
    };
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "drain");
    lua_pop(L, 1);
}
