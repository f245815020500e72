/*
 * SPDX-License-Identifier: MIT
 *
 * The life of a Lua task: stepped by a runner, ended.
 *
 * Stepping happens outside of any protected call, where a memory error would unwind the wrong
 * stack; so nothing here allocates unless it says that it runs protected.
 */
#include "lspawn.h"

#include <stdio.h>

#include "lerror.h"
#include "lextra.h"
#include "lgreenlet.h"
#include "lremote.h"

/* --- a step ------------------------------------------------------------------------------- */

/* Called when the stray coroutine.yield below returns, with its frame still in place. */
static void refuse_now(lua_State *L, lua_Debug *ar)
{
    crun__lua *u = crun__universe;
    (void)ar;
    lua_sethook(L, u->hook, u->hook_mask, u->hook_count);
    lua_pushliteral(L, "attempt to yield from outside a coroutine");
    lua_error(L);
}

/*
 * A bare coroutine.yield reached the runner. It must fail as it does in the main chunk, where the
 * caller's pcall can catch it; an error can be raised there only from the hook for returning.
 */
static void refuse_yield(crun__lua *u, lua_State *co)
{
    u->hook = lua_gethook(co);
    u->hook_mask = lua_gethookmask(co);
    u->hook_count = lua_gethookcount(co);
    lua_sethook(co, refuse_now, LUA_MASKRET, 0);
}

/* A new coroutine holds the task's function and its arguments; a closed one nothing. */
static bool closed(lua_State *co)
{
    return lua_status(co) != LUA_YIELD && lua_gettop(co) == 0;
}

static int fail_closed(crun__lua *u, lua_State *co)
{
    lua_settop(co, 0);
    lua_pushvalue(u->store, CRUN__STORE_CLOSED);
    lua_xmove(u->store, co, 1);
    return LUA_ERRRUN;
}

static int resume(crun__lua *u, crun_task *task, lua_State *co, int nargs)
{
    for (;;) {
        int nresults, status = u->resume(co, NULL, nargs, &nresults);
        if (status != LUA_YIELD)
            return status;
        if (task->flags & CRUN__YIELDING) {
            crun__flag_clear(task, CRUN__YIELDING);
            return LUA_YIELD;
        }
        lua_pop(co, nresults);
        refuse_yield(u, co);
        nargs = 0;
    }
}

/* --- the end ------------------------------------------------------------------------------ */

/*
 * Makes the value on top of the coroutine what the task leaves behind, in place of the coroutine.
 * One that leaves nothing keeps its coroutine, which costs less than the way to replace it.
 */
static void leave_value(lua_State *co, ltask *t)
{
    crun__ltask_push(co, t);
    lua_insert(co, -2);
    if (t->base.flags & LTASK_BOX) {
        lua_getiuservalue(co, -2, 1);
        lua_insert(co, -2);
        lua_rawseti(co, -2, LTASK_VALUE);
        lua_pop(co, 2);
    } else {
        lua_setiuservalue(co, -2, 1);
        lua_pop(co, 1);
    }
}

/* Protected: starts the callbacks, each as a small task. */
static void start_callbacks(lua_State *L, void *arg)
{
    ltask *t = arg;
    crun__ltask_push(L, t);
    crun__callbacks_start(L, lua_gettop(L));
}

/*
 * Just before the end, so that callbacks run before those who wait for it: mostly they have asked
 * earlier. It allocates, so the task's coroutine must still be anchored. Once all has ended they
 * are not called: nothing can be spawned.
 */
static void call_back(crun__lua *u, ltask *t)
{
    if (u->finished || crun__lua_protected(u->aux, start_callbacks, t) == LUA_OK)
        return;
    (void)fprintf(stderr, "crun: not enough memory for the callbacks of task#%llu\n",
                  (unsigned long long)t->base.id);
    u->failures++;
}

/*
 * The task that never started leaves a value of the store behind in place of its function and
 * arguments.
 */
static void forget_call(crun__lua *u, const ltask *t, int value)
{
    lua_State *store = u->store;
    crun__ltask_push(store, t);
    if (t->base.flags & LTASK_BOX) {
        lua_getiuservalue(store, -1, 1);
        lua_pushvalue(store, value);
        lua_rawseti(store, -2, LTASK_VALUE);
        lua_pop(store, 1);
    } else {
        lua_pushvalue(store, value);
        lua_setiuservalue(store, -2, 1);
    }
    for (int i = 2; i <= 1 + t->nargs; i++) {
        lua_pushnil(store);
        lua_setiuservalue(store, -2, i);
    }
    lua_pop(store, 1);
}

static void returned(crun__lua *u, ltask *t, lua_State *co)
{
    crun__task_unload(&t->base);
    int results = lua_gettop(co);
    if (t->base.flags & LTASK_BOX)
        call_back(u, t);
    if (results == 1)
        leave_value(co, t);
    else
        crun__flag_set(&t->base, results == 0 ? LTASK_VOID : LTASK_MULTI);
    crun__task_end(&t->base, CRUN_TASK_RETURNED);
}

/* The error is on top of the coroutine. Its traceback is on top of L, and may go on. */
static int add_remote(lua_State *L, lua_State *co)
{
    if (!lua_checkstack(co, 1))
        return 0;
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    int parts = crun__remote_traceback(L, -1);
    lua_remove(L, -1 - parts);
    return parts;
}

/* Protected: keeps the traceback and the place of the spawn in the task's box. */
static void keep_traceback(lua_State *L, void *arg)
{
    ltask *t = arg;
    crun__ltask_push(L, t);
    crun__ltask_box(L, -1);
    int parts = 0;
    if (lua_rawgeti(L, -1, LTASK_TRACEBACK) != LUA_TSTRING) { /* else it is another process's */
        lua_pop(L, 1);
        parts = crun__greenlet_error_traceback(L, t);
        luaL_traceback(L, t->L, NULL, 0);
        parts += add_remote(L, t->L);
    }
    lua_pushliteral(L, "\nspawned at ");
    crun__spawn_site(L, t);
    lua_concat(L, parts + 3);
    lua_rawseti(L, -2, LTASK_TRACEBACK);
}

/* Protected, on the task's own coroutine: the task and its error. */
static int report(lua_State *L)
{
    crun__ltask_push(L, lua_touserdata(L, 1));
    lua_replace(L, 1);
    crun__ltask_field(L, 1, LTASK_TRACEBACK);
    crun__report(L);
    return 0;
}

/*
 * The error is on top of the unwound coroutine and stays there. A handler may wait, so the
 * coroutine must still be anchored. One that fails is itself reported, in one line.
 */
static void report_failure(lua_State *co, ltask *t)
{
    lua_pushcfunction(co, report);
    lua_pushlightuserdata(co, t);
    lua_pushvalue(co, -3);
    if (lua_pcall(co, 2, 0, 0) == LUA_OK)
        return;
    const char *text = lua_tostring(co, -1);
    (void)fprintf(stderr, "crun: reporting the failure of task#%llu failed: %s\n",
                  (unsigned long long)t->base.id, text ? text : "(no text)");
    crun__universe->failures++;
    lua_pop(co, 1);
}

static bool own_cancel(const ltask *t, lua_State *co)
{
    lua_Integer scope;
    return (t->base.flags & CRUN__CANCEL) && lua_checkstack(co, 4) &&
           crun__cancelled_test(co, -1, &scope) && scope == 0;
}

/*
 * An error came out of the task. Its traceback is taken before to-be-closed variables are closed,
 * which may take time and change the error.
 */
static void failed(crun__lua *u, ltask *t, lua_State *co)
{
    if (!own_cancel(t, co))
        crun__lua_protected(u->aux, keep_traceback, t);
    if (lua_status(co) != LUA_OK)
        lua_resetthread(co);
    bool cancelled = own_cancel(t, co);
    if (!cancelled && !crun__task_watched(&t->base))
        report_failure(co, t);
    crun__task_unload(&t->base);
    if (t->base.flags & LTASK_BOX)
        call_back(u, t);
    leave_value(co, t);
    crun__task_end(&t->base, cancelled ? CRUN_TASK_CANCELLED : CRUN_TASK_FAILED);
}

/* There is no coroutine for it, so nobody can be called to tell. */
static crun__step fail_start(crun__lua *u, ltask *t)
{
    if (!crun__task_watched(&t->base)) {
        (void)fprintf(stderr, "crun: task#%llu failed: not enough memory to start it\n",
                      (unsigned long long)t->base.id);
        u->failures++;
    }
    if (t->base.flags & LTASK_BOX)
        call_back(u, t);
    forget_call(u, t, CRUN__STORE_MEMORY);
    if (t->base.flags & CRUN__EXTRA)
        crun__extra_drop(t);
    crun__task_end(&t->base, CRUN_TASK_FAILED);
    return CRUN__STEP_ENDED;
}

/* It has a coroutine: it started, or got one when it was spawned. */
static int resume_own(crun__lua *u, ltask *t)
{
    if (closed(t->L))
        return fail_closed(u, t->L);
    int nargs = lua_status(t->L) == LUA_YIELD ? 0 : lua_gettop(t->L) - 1;
    return resume(u, &t->base, t->L, nargs);
}

static crun__step step(crun_task *task)
{
    crun__lua *u = (crun__lua *)task->type;
    ltask *t = (ltask *)task;
    int status;
    if (t->L)
        status = resume_own(u, t);
    else if (crun__coroutine_start(u, t))
        status = resume(u, task, t->L, t->nargs);
    else
        return fail_start(u, t);
    lua_State *co = t->L;
    if (status == LUA_YIELD)
        return CRUN__STEP_PARKED;
    if (status == LUA_OK)
        returned(u, t, co);
    else
        failed(u, t, co);
    return CRUN__STEP_ENDED;
}

/* It was cancelled before its start. */
static void unborn(crun__lua *u, ltask *t)
{
    if (t->L)
        lua_settop(t->L, 0);
    else
        forget_call(u, t, CRUN__STORE_NOTHING);
    crun__flag_set(&t->base, LTASK_VOID);
    if (t->base.flags & LTASK_BOX)
        call_back(u, t);
    if (t->base.flags & CRUN__EXTRA)
        crun__extra_drop(t);
}

/*
 * The entry stays, as false: taking it away could not fail, but putting it back could. A task that
 * has left nothing behind may stay in it as well, until the next task or clear_free_slots.
 */
static void unanchor(crun__lua *u, const ltask *t)
{
    if ((t->base.flags & (LTASK_VOID | LTASK_BOX)) != LTASK_VOID) {
        lua_pushboolean(u->store, 0);
        lua_rawseti(u->store, CRUN__UP_ANCHORS, t->slot);
    }
    u->free_slots[u->free_count++] = t->slot;
}

/*
 * The coroutine of a task that failed is not used again: an error inside a debug hook leaves hooks
 * disabled in it for good. That of one that returned may be anchored no more, so it goes among the
 * idle ones before anything is allocated.
 */
static void ended(crun_task *task)
{
    crun__lua *u = (crun__lua *)task->type;
    ltask *t = (ltask *)task;
    lua_State *co = t->L;
    if (task->status == CRUN_TASK_CANCELLED && (!co || lua_gettop(co) > 0))
        unborn(u, t);
    crun__source_drop(t->source);
    t->source = NULL;
    if (!(task->flags & LTASK_MULTI)) {
        t->L = NULL;
        if (co && task->status == CRUN_TASK_RETURNED)
            crun__coroutine_give_back(u, co);
    }
    unanchor(u, t);
}

static void unload(crun_task *task)
{
    ltask *t = (ltask *)task;
    crun__greenlets_end(t->L, t);
    crun__extra_drop(t);
}

void crun__ltask_type_init(crun__lua *u, crun_hub *hub)
{
    u->type = (crun__task_type){.hub = hub, .step = step, .ended = ended, .unload = unload};
}
