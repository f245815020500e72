/*
 * SPDX-License-Identifier: MIT
 *
 * sleep, yield, now; and waiting for several tasks at once, on which gather, joinall and killall in Lua
 * stand.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "bind.h"

/* --- time --------------------------------------------------------------------------------- */

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

static int give_way(lua_State *L, crun_task *self)
{
    crun_hub *hub = crun__hub;
    check_doom(L, self);
    bool can_yield = crun__lua_can_yield(L, self);
    if (can_yield && !crun__stack_affordable(hub)) {
        crun__ready(hub, self);
        crun__flag_set(self, CRUN__YIELDING);
        return lua_yieldk(L, 0, 0, yield_finish);
    }
    if (!can_yield && crun__lua_in_finalizer(L))
        return crun__lua_raise(L, self, CRUN_EPERM);
    int rc = crun__runners_reserve(hub);
    if (rc < 0)
        return crun__lua_raise(L, self, rc);
    self->runner->host = L;
    crun__ready(hub, self);
    crun__switch_away(hub);
    return check_doom(L, self);
}

/* yield(): lets every other ready task run once. */
static int l_yield(lua_State *L)
{
    return give_way(L, crun__lua_self(L));
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
        return give_way(L, self);
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

/* --- several tasks ------------------------------------------------------------------------ */

typedef struct watch {
    crun_wait wait;
    struct watch_set *set;
} watch;

/* A watch on each task of a list, until enough have ended. Its user value is the list. */
typedef struct watch_set {
    crun_waitq waiter; /* the task that waits for all this */
    size_t size;
    size_t needed;   /* ends still to come */
    size_t failed;   /* number of the task that failed first; 0: none */
    bool stop;       /* a failure is enough */
    bool satisfied;
    watch watches[];
} watch_set;

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const watch_set *set = wait->object;
    snprintf(text, size, "waiting for %zu of %zu tasks to end", set->needed, set->size);
}

static const crun_wait_type set_type = {
    .verb = "waiting for tasks to end",
    .queue_offset = offsetof(watch_set, waiter),
    .describe = describe,
};

/* One more of them has ended. */
static void count(watch_set *set, size_t number, const crun_task *task)
{
    if (set->needed > 0)
        set->needed--;
    bool bad = task->status == CRUN_TASK_FAILED || task->status == CRUN_TASK_CANCELLED;
    if (bad && !set->failed)
        set->failed = number;
    if (set->needed == 0 || (set->stop && set->failed))
        set->satisfied = true;
}

static void fire(crun_wait *wait, int result)
{
    (void)result;
    watch *w = crun__container_of(wait, watch, wait);
    watch_set *set = w->set;
    count(set, (size_t)(w - set->watches) + 1, wait->object);
    if (set->satisfied && !crun__waitq_empty(&set->waiter))
        crun__wake(set->waiter.first, 0);
}

static const crun_wait_type watch_type = {
    .verb = "watch",
    .queue_offset = offsetof(crun_task, joiners),
    .fire = fire,
};

static void end_watches(watch_set *set)
{
    for (size_t i = 0; i < set->size; i++)
        crun__watch_end(&set->watches[i].wait);
}

/* A coroutine that waited here may have been dropped. */
static int set_gc(lua_State *L)
{
    end_watches(lua_touserdata(L, 1));
    return 0;
}

#define WATCH_SET "crun.WatchSet"

/* The list is at index 1; pushes the set. */
static watch_set *set_new(lua_State *L, size_t size)
{
    watch_set *set = lua_newuserdatauv(L, sizeof *set + size * sizeof(watch), 1);
    *set = (watch_set){.size = 0};
    if (luaL_newmetatable(L, WATCH_SET)) {
        lua_pushcfunction(L, set_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return set;
}

/* Raises at the caller of the function in Lua whose name is at index 5. */
static int bad_item(lua_State *L, size_t i, const char *is)
{
    luaL_where(L, 2);
    lua_pushfstring(L, "bad argument #1 to '%s' (item %d of the list %s)", lua_tostring(L, 5), (int)i,
                    is);
    lua_concat(L, 2);
    return lua_error(L);
}

/* The task at place i of the list, which the set's user value keeps alive. */
static crun_task *listed(lua_State *L, size_t i)
{
    lua_rawgeti(L, 1, (lua_Integer)i);
    ltask *t = crun__ltask_test(L, -1);
    if (!t)
        bad_item(L, i, lua_pushfstring(L, "is no Task but a %s", luaL_typename(L, -1)));
    if (&t->base == crun__hub->current)
        bad_item(L, i, "is the calling task, which cannot wait for itself");
    lua_pop(L, 1);
    return &t->base;
}

static void watch_all(lua_State *L, watch_set *set, size_t size)
{
    for (size_t i = 1; i <= size; i++) {
        crun_task *task = listed(L, i);
        watch *w = &set->watches[i - 1];
        w->set = set;
        w->wait.type = NULL;
        set->size = i;
        if (crun__task_ended(task))
            count(set, i, task);
        else
            crun__watch_begin(&w->wait, &watch_type, task);
    }
}

/* Index 6 holds the set. */
static int set_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    watch_set *set = lua_touserdata(L, 6);
    int rc = crun__lua_code(L);
    end_watches(set);
    if (rc < 0)
        crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    if (!set->failed)
        return 1;
    lua_pushinteger(L, (lua_Integer)set->failed);
    return 2;
}

/*
 * wait_tasks(list, count, stop, seconds, name) -> true [, place of the task that failed first]
 * | nil, message, "ETIMEDOUT". Waits until count of the tasks have ended, or with stop until one has
 * failed or been cancelled; name is the caller's, for errors. May wait.
 */
static int l_wait_tasks(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t size = lua_rawlen(L, 1);
    lua_Integer needed = luaL_checkinteger(L, 2);
    luaL_argcheck(L, needed >= 0, 2, "a number of tasks expected");
    crun_time deadline = crun__lua_deadline(L, 4);
    luaL_checktype(L, 5, LUA_TSTRING);
    lua_settop(L, 5);
    watch_set *set = set_new(L, size);
    set->needed = (size_t)needed < size ? (size_t)needed : size;
    set->stop = lua_toboolean(L, 3);
    set->satisfied = set->needed == 0;
    watch_all(L, set, size);
    if (set->satisfied) {
        self->wait.result = 0;
        return set_finish(L, LUA_OK, 0);
    }
    crun__wait_begin(self, &set_type, set);
    return crun__lua_park(L, self, deadline, 0, set_finish);
}

/* first_results(list) -> list of the first result of each task; nil for one that left none. */
static int l_first_results(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, 1, i);
        crun__ltask_check(L, -1);
        crun__ltask_first_result(L, -1);
        lua_rawseti(L, 2, i);
        lua_pop(L, 1);
    }
    return 1;
}

void crun__open_wait(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"yield", l_yield}, {"sleep", l_sleep},           {"now", l_now},
        {"wait_tasks", l_wait_tasks}, {"first_results", l_first_results}, {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
