/*
 * SPDX-License-Identifier: MIT
 *
 * call_soon, call_later, call_at: functions that are called later, each in a task of its own. What
 * waits for its time is an entry among the hub's timers; the task is made when the time has come.
 */
#include "lcall.h"

#include <math.h>
#include <stdio.h>

#include "lextra.h"
#include "lspawn.h"

/* Its address is the registry's key of the table that anchors the calls that are not due yet. */
static const char anchors_key;

typedef struct lcall {
    crun__object object;
    crun__timer timer;
    crun__link link; /* among those of the universe while it is not due */
    enum { CALL_DUE, CALL_STARTED, CALL_CANCELLED } state;
    int nargs;
    crun__site site;
    lua_Number when;
} lcall;

/* User values: the task, once there is one; what it inherits; the function, its arguments. */
enum { TASK = 1, HERITAGE, FUNCTION, ARGUMENTS, MOST_ARGUMENTS = 249 };

static const crun__class call_class;

static lcall *check(lua_State *L)
{
    return crun__object_check(L, 1, &call_class);
}

/* --- when it is due ----------------------------------------------------------------------- */

static void push_anchors(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors_key);
}

static void drop_site(lcall *c)
{
    crun__source_drop(c->site.source);
    c->site.source = NULL;
}

/* It no longer waits for its time. */
static void leave(lua_State *L, lcall *c)
{
    drop_site(c);
    crun__list_remove(&c->link);
    push_anchors(L);
    lua_pushnil(L);
    lua_rawsetp(L, -2, c);
    lua_pop(L, 1);
}

/* Nobody will call it any more: the function and its arguments may go. */
static void forget(lua_State *L, int index)
{
    lcall *c = lua_touserdata(L, index);
    for (; c->nargs >= 0; c->nargs--) {
        lua_pushnil(L);
        lua_setiuservalue(L, index, FUNCTION + c->nargs);
    }
    lua_pushnil(L);
    lua_setiuservalue(L, index, HERITAGE);
}

/* Protected: the task is made. */
static void start(lua_State *L, void *arg)
{
    lcall *c = arg;
    int nargs = c->nargs;
    luaL_checkstack(L, nargs + 8, NULL);
    push_anchors(L);
    lua_rawgetp(L, -1, c);
    int self = lua_gettop(L);
    for (int i = HERITAGE; i <= FUNCTION + nargs; i++)
        lua_getiuservalue(L, self, i);
    crun__ltask_spawn_heir(L, nargs, self + 1);
    crun__ltask_set_site(lua_touserdata(L, -1), c->site);
    c->site.source = NULL;
    lua_setiuservalue(L, self, TASK);
    c->state = CALL_STARTED;
    forget(L, self);
    leave(L, c);
}

static void fail(lua_State *L, void *arg)
{
    lcall *c = arg;
    c->state = CALL_CANCELLED;
    leave(L, c);
}

/* Outside of any task, when nothing may be raised. */
static void fire(crun__timer *timer)
{
    crun__lua *u = crun__universe;
    lcall *c = crun__container_of(timer, lcall, timer);
    if (crun__lua_protected(u->aux, start, c) == LUA_OK)
        return;
    (void)fprintf(stderr, "crun: not enough memory for a call that is due\n");
    u->failures++;
    crun__lua_protected(u->aux, fail, c);
}

void crun__calls_drop(crun__lua *u)
{
    while (!crun__list_empty(&u->calls)) {
        lcall *c = crun__container_of(crun__list_pop_head(&u->calls), lcall, link);
        crun__timers_remove(&u->type.hub->timers, &c->timer.due);
        c->state = CALL_CANCELLED;
        drop_site(c);
    }
}

/* --- asking for it ------------------------------------------------------------------------ */

/* Sets the handle on top among the timers; its user values follow from the stack, from index 2. */
static int enter(lua_State *L, lcall *c, crun_time at)
{
    int self = lua_gettop(L);
    c->site = crun__site_take(L, 1);
    crun__heritage_push(L);
    lua_setiuservalue(L, self, HERITAGE);
    for (int i = 0; i <= c->nargs; i++) {
        lua_pushvalue(L, 2 + i);
        lua_setiuservalue(L, self, FUNCTION + i);
    }
    push_anchors(L);
    lua_pushvalue(L, self);
    lua_rawsetp(L, -2, c);
    c->timer.fire = fire;
    if (crun__timers_add(&crun__hub->timers, &c->timer.due, CRUN__DUE_TIMER, at) < 0) {
        drop_site(c);
        lua_pushnil(L);
        lua_rawsetp(L, -2, c);
        return luaL_error(L, "not enough memory");
    }
    crun__list_push_tail(&crun__universe->calls, &c->link);
    lua_settop(L, self);
    return 1;
}

static int call_at(lua_State *L, crun_time at, lua_Number when)
{
    int nargs = lua_gettop(L) - 2;
    crun__lua_checkcallable(L, 2);
    luaL_argcheck(L, nargs <= MOST_ARGUMENTS, MOST_ARGUMENTS + 3, "too many arguments");
    crun__before_spawn(L);
    lcall *c = crun__object_new_with(L, &call_class, FUNCTION + nargs);
    c->nargs = nargs;
    c->when = when;
    return enter(L, c, at);
}

/* Raises unless it is a number of seconds at which the clock will arrive. */
static lua_Number check_seconds(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TNUMBER || !(fabs(lua_tonumber(L, 1)) < 9e9))
        crun__lua_badarg(L, 1, "seconds");
    return lua_tonumber(L, 1);
}

/*
 * call_later(seconds, fn, ...) -> Handle: fn(...) is called in a task of its own after so many
 * seconds; for zero and less soon. Switches: never.
 */
static int l_call_later(lua_State *L)
{
    crun__lua_self(L);
    crun_time at = crun_deadline(crun__hub, check_seconds(L));
    if (at == CRUN_NOWAIT)
        at = crun_now(crun__hub);
    return call_at(L, at, (lua_Number)at / 1e9);
}

/*
 * call_at(time, fn, ...) -> Handle: the same at a time of the clock of now(); what has passed is
 * soon. Switches: never.
 */
static int l_call_at(lua_State *L)
{
    crun__lua_self(L);
    lua_Number when = check_seconds(L);
    return call_at(L, (crun_time)llround(when * 1e9), when);
}

/*
 * call_soon(fn, ...) -> Handle: fn(...) is called in a task of its own, after what is ready now.
 * Switches: never.
 */
static int l_call_soon(lua_State *L)
{
    crun__lua_self(L);
    crun__lua_checkcallable(L, 1);
    crun__ltask_spawn_at(L, 1, lua_gettop(L) - 1, 1);
    lcall *c = crun__object_new_with(L, &call_class, TASK);
    c->state = CALL_STARTED;
    c->nargs = -1;
    c->when = (lua_Number)crun_now(crun__hub) / 1e9;
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, TASK);
    return 1;
}

/* --- the handle --------------------------------------------------------------------------- */

static bool withdraw(lua_State *L, lcall *c)
{
    if (c->state == CALL_DUE) {
        crun__timers_remove(&crun__hub->timers, &c->timer.due);
        leave(L, c);
        forget(L, 1);
        return true;
    }
    if (c->state == CALL_CANCELLED)
        return false;
    lua_getiuservalue(L, 1, TASK);
    ltask *t = lua_touserdata(L, -1);
    return t->base.status == CRUN_TASK_NEW && crun_task_cancel(&t->base) == 0;
}

/* handle:cancel() -> true if the call had not begun, and never will. Switches: never. */
static int l_cancel(lua_State *L)
{
    lcall *c = check(L);
    crun__lua_self(L);
    bool done = withdraw(L, c);
    if (done)
        c->state = CALL_CANCELLED;
    lua_pushboolean(L, done);
    return 1;
}

static int l_cancelled(lua_State *L)
{
    lua_pushboolean(L, check(L)->state == CALL_CANCELLED);
    return 1;
}

/* handle:when() -> the time of now()'s clock at which it is due. */
static int l_when(lua_State *L)
{
    lua_pushnumber(L, check(L)->when);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const lcall *c = check(L);
    if (c->state == CALL_DUE)
        lua_pushfstring(L, "crun.Handle: due at %f", c->when);
    else
        lua_pushfstring(L, "crun.Handle: %s", c->state == CALL_STARTED ? "started" : "cancelled");
    return 1;
}

static const luaL_Reg methods[] = {
    {"cancel", l_cancel}, {"cancelled", l_cancelled}, {"when", l_when}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class call_class = {"crun.Handle", methods, metamethods, sizeof(lcall), 0};

void crun__open_calls(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"call_soon", l_call_soon},
        {"call_later", l_call_later},
        {"call_at", l_call_at},
        {NULL, NULL},
    };
    crun__class_open(L, &call_class, 0);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors_key);
    crun__open_functions(L, functions);
}
