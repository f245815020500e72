/*
 * SPDX-License-Identifier: MIT
 *
 * The end of a group: its owner waits for the tasks, and learns of all errors or gets the results.
 */
#include <limits.h>
#include <stdio.h>

#include "lawait.h"
#include "lerror.h"
#include "lgroup.h"

/* --- closing ------------------------------------------------------------------------------ */

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const group *g = wait->object;
    (void)snprintf(text, size, "Group:close (%zu running)", g->count);
}

static const crun_wait_type wait_type = {
    .verb = "Group:close",
    .queue_offset = offsetof(group, waiter),
    .describe = describe,
};

/* Once they are cancelled there is nothing left to do but to wait for their ends. */
static const crun_wait_type unwind_type = {
    .verb = "Group:close",
    .queue_offset = offsetof(group, waiter),
    .describe = describe,
    .firm = true,
};

/* Any of the group's own would wait for itself. */
static void check_owner(lua_State *L, const group *g)
{
    if (crun__lua_self(L)->id != g->owner)
        luaL_error(L, "only the task that opened the group can wait for its tasks: task#%I",
                   (LUAI_UACINT)g->owner);
}

/* The stack of a closing: the group, the error of the body or nil, and results of the body. */
enum { BODY_ERROR = 2 };

/*
 * Whether the body failed by itself: not by the group's cancel, nor by one that its task is still
 * under.
 */
static bool body_failed(lua_State *L, const group *g)
{
    lua_Integer scope;
    if (lua_isnil(L, BODY_ERROR) || g->stuck)
        return false;
    if (!crun__cancelled_test(L, BODY_ERROR, &scope))
        return true;
    return scope != g->body.id && !(crun__hub->current->flags & CRUN__DOOMED);
}

/*
 * Appends an error to the lists `errors` and `tasks`, which are on top; the task, or false for the
 * body, is at the index.
 */
static void add_error(lua_State *L, int task, lua_Integer n)
{
    if (lua_isboolean(L, task))
        lua_pushvalue(L, BODY_ERROR);
    else
        crun__awaitable_error(L, task);
    lua_rawseti(L, -3, n);
    lua_pushvalue(L, task);
    lua_rawseti(L, -2, n);
}

/* Raises the crun.Error of the errors that the list of tasks at the top tells. */
static int raise_errors(lua_State *L)
{
    int failed = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, failed);
    lua_createtable(L, 0, 4);
    lua_newtable(L);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, failed, i);
        lua_insert(L, failed + 1);
        add_error(L, failed + 1, i);
        lua_remove(L, failed + 1);
    }
    lua_setfield(L, -3, "tasks");
    lua_setfield(L, -2, "errors");
    lua_pushinteger(L, n);
    lua_setfield(L, -2, "n");
    lua_getiuservalue(L, 1, GROUP_SITE);
    lua_setfield(L, -2, "origin");
    luaL_setmetatable(L, CRUN__ERROR);
    return lua_error(L);
}

/* How group(fn) differs from the closing of a variable: its own cancel ends there. */
enum mode { VARIABLE, FUNCTION };

static int cancelled_result(lua_State *L)
{
    lua_settop(L, BODY_ERROR);
    lua_pushnil(L);
    lua_pushliteral(L, "ECANCELED: ");
    if (lua_getfield(L, BODY_ERROR, "reason") == LUA_TNIL)
        lua_pushliteral(L, "the group was cancelled");
    luaL_tolstring(L, -1, NULL);
    lua_replace(L, BODY_ERROR + 3);
    lua_settop(L, BODY_ERROR + 3);
    lua_concat(L, 2);
    lua_pushliteral(L, "ECANCELED");
    return 3;
}

static void keep_body_error(lua_State *L)
{
    lua_pushboolean(L, 0);
    crun__group_keep_failed(L);
}

/* All have ended. */
static int closed(lua_State *L, group *g, lua_KContext mode)
{
    lua_Integer scope;
    crun__group_closed(L, g);
    crun__group_reap(L, g);
    if (lua_getiuservalue(L, 1, GROUP_FAILED) == LUA_TTABLE) {
        if (g->stuck)
            keep_body_error(L);
        return raise_errors(L);
    }
    lua_pop(L, 1);
    if (lua_isnil(L, BODY_ERROR))
        return lua_gettop(L) - BODY_ERROR;
    if (mode == FUNCTION && crun__cancelled_test(L, BODY_ERROR, &scope) && scope == g->body.id)
        return cancelled_result(L);
    lua_settop(L, BODY_ERROR);
    return lua_error(L);
}

/*
 * The body has ended by an error: that cancels all. The errors of tasks that failed before come
 * first.
 */
static void give_up(lua_State *L, group *g)
{
    crun__group_reap(L, g);
    if (body_failed(L, g))
        keep_body_error(L);
    crun__group_cancel_for(L, g, BODY_ERROR);
}

static int await(lua_State *L, group *g, const crun_wait_type *type, lua_KContext mode);

/* A cancel of the owner, an error thrown at it and a deadlock are errors of the body. */
static int await_finish(lua_State *L, int status, lua_KContext mode)
{
    (void)status;
    group *g = lua_touserdata(L, 1);
    crun_task *self = crun__lua_waiter(L);
    int rc = self->wait.result;
    if (rc >= 0)
        return closed(L, g, mode);
    bool stuck = rc == CRUN_EDEADLK && !g->stuck;
    if (rc != CRUN_ECANCELED && !stuck)
        return crun__lua_raise(L, self, rc);
    if (stuck)
        crun__deadlock_push(L);
    else
        crun__cancelled_take(L, self);
    lua_replace(L, BODY_ERROR);
    g->stuck |= stuck;
    give_up(L, g);
    return await(L, g, &unwind_type, mode);
}

static int await(lua_State *L, group *g, const crun_wait_type *type, lua_KContext mode)
{
    if (g->count == 0)
        return closed(L, g, mode);
    crun__wait_begin(crun__hub->current, type, g);
    return crun__lua_park(L, crun__hub->current, CRUN_FOREVER, mode, await_finish);
}

static int close_group(lua_State *L, group *g, lua_KContext mode)
{
    if (g->state == GROUP_CLOSED)
        return 0;
    check_owner(L, g);
    crun__scope_leave(&g->body.scope);
    g->state = GROUP_CLOSING;
    if (lua_isnil(L, BODY_ERROR))
        return await(L, g, &wait_type, mode);
    give_up(L, g);
    return await(L, g, &unwind_type, mode);
}

/*
 * group:close(): waits until all have ended. Raises a crun.Error of all errors; a cancel. May wait.
 */
int crun__l_group_close(lua_State *L)
{
    group *g = crun__group_check(L);
    lua_settop(L, 1);
    lua_pushnil(L);
    return close_group(L, g, VARIABLE);
}

int crun__l_group_meta_close(lua_State *L)
{
    group *g = crun__group_check(L);
    lua_settop(L, BODY_ERROR);
    return close_group(L, g, VARIABLE);
}

static int body_ended(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD)
        lua_replace(L, BODY_ERROR);
    return close_group(L, lua_touserdata(L, 1), FUNCTION);
}

/*
 * group(fn, ...) -> what fn(group, ...) returns, once all tasks of the group have ended | nil,
 * message, "ECANCELED" when group:cancel ended fn. Raises as group:close. May wait.
 */
int crun__l_group(lua_State *L)
{
    crun__lua_checkcallable(L, 1);
    crun__group_open(L);
    lua_insert(L, 1);
    lua_pushnil(L);
    lua_insert(L, BODY_ERROR);
    lua_pushvalue(L, 1);
    lua_insert(L, BODY_ERROR + 2);
    int nargs = lua_gettop(L) - BODY_ERROR - 1;
    int status = lua_pcallk(L, nargs, LUA_MULTRET, 0, 0, body_ended);
    return body_ended(L, status, 0);
}

/* --- results ------------------------------------------------------------------------------ */

static int push_results(lua_State *L, group *g)
{
    lua_createtable(L, g->spawned < INT_MAX ? (int)g->spawned : 0, 0);
    lua_getiuservalue(L, 1, GROUP_TASKS);
    int list = lua_gettop(L) - 1;
    for (lua_Integer i = 1; i <= g->spawned; i++) {
        if (lua_rawgeti(L, list + 1, i) == LUA_TUSERDATA) {
            crun__ltask_first_result(L, -1);
            lua_rawseti(L, list, i);
        }
        lua_settop(L, list + 1);
    }
    lua_settop(L, list);
    return 1;
}

static int results_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : push_results(L, lua_touserdata(L, 1));
}

/*
 * group:results([seconds]) -> list of the first result of each task in the order of their spawns,
 * nil for one that left none, once all have ended | nil, message, "ETIMEDOUT". May wait.
 */
int crun__l_group_results(lua_State *L)
{
    group *g = crun__group_check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    if (g->count == 0)
        return push_results(L, g);
    check_owner(L, g);
    crun__wait_begin(crun__hub->current, &wait_type, g);
    return crun__lua_park(L, crun__hub->current, deadline, 0, results_finish);
}
