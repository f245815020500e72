/*
 * SPDX-License-Identifier: MIT
 *
 * Time: sleep, yield, now.
 */
#include <math.h>

#include "bind.h"

static int check_doom(lua_State *L, crun_task *self)
{
    if (self->flags & (CRUN__DOOMED | CRUN__THROWN))
        return crun__lua_raise(L, self, CRUN_ECANCELED);
    return 0;
}

static int yield_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    return check_doom(L, crun__lua_waiter(L));
}

/* Returns: a code if it cannot be done here; else what `finish` returns. */
static inline int give_way(lua_State *L, crun_task *self, lua_KFunction finish)
{
    crun_hub *hub = crun__hub;
    bool can_yield = crun__lua_can_yield(L, self);
    if (can_yield && !crun__stack_affordable(hub)) {
        crun__ready(hub, self);
        crun__flag_set(self, CRUN__YIELDING);
        return lua_yieldk(L, 0, 0, finish);
    }
    if (!can_yield && crun__lua_in_finalizer(L))
        return CRUN_EPERM;
    int rc = crun__runners_reserve(hub);
    if (rc < 0)
        return rc;
    self->runner->host = L;
    crun__ready(hub, self);
    crun__switch_away(hub);
    return finish(L, LUA_OK, 0);
}

int crun__lua_give_way(lua_State *L, crun_task *self, lua_KFunction finish)
{
    int rc = give_way(L, self, finish);
    return rc < 0 ? finish(L, LUA_OK, 0) : rc;
}

static int yield(lua_State *L, crun_task *self)
{
    check_doom(L, self);
    int rc = give_way(L, self, yield_finish);
    return rc < 0 ? crun__lua_raise(L, self, rc) : rc;
}

/* yield(): lets every other ready task run once. */
static int l_yield(lua_State *L)
{
    return yield(L, crun__lua_self(L));
}

static int sleep_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    if (crun__lua_code(L) != CRUN_ETIMEDOUT)
        crun__lua_result(L);
    return 0;
}

/* sleep(seconds): waits; zero and less is yield(). */
static int l_sleep(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    if (lua_type(L, 1) != LUA_TNUMBER || isnan(lua_tonumber(L, 1)))
        return crun__lua_badarg(L, 1, "seconds");
    crun_time deadline = crun_deadline(crun__hub, lua_tonumber(L, 1));
    if (deadline == CRUN_NOWAIT)
        return yield(L, self);
    crun__wait_begin(self, &crun__sleep_type, NULL);
    return crun__lua_park(L, self, deadline, 0, sleep_finish);
}

/* now() -> seconds on the hub's clock, whose origin means nothing. */
static int l_now(lua_State *L)
{
    crun__lua_self(L);
    lua_pushnumber(L, (lua_Number)crun_now(crun__hub) / 1e9);
    return 1;
}

void crun__open_wait(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"yield", l_yield},
        {"sleep", l_sleep},
        {"now", l_now},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
