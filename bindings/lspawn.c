/*
 * SPDX-License-Identifier: MIT
 *
 * The life of a Lua task: spawned, stepped by a runner, ended.
 *
 * Stepping happens outside of any protected call, where a memory error would unwind the wrong
 * stack; so nothing here allocates unless it says that it runs protected.
 */
#include "lspawn.h"

#include <stdio.h>
#include <stdlib.h>

#include "lerror.h"
#include "lextra.h"
#include "lgreenlet.h"

/* So many fit into the room that Lua grants every C function, and every new coroutine. */
enum { FEW_ARGUMENTS = LUA_MINSTACK - 8 };

/* --- anchors ------------------------------------------------------------------------------ */

/* A slot whose entry in the array at `anchors` exists. Raises before it has taken anything. */
static uint32_t slot_take(lua_State *L, crun__lua *u, int anchors)
{
    if (u->free_count > 0)
        return u->free_slots[--u->free_count];
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
    t->slot = slot;
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

static int resume(crun__lua *u, crun_task *task, lua_State *co)
{
    if (closed(co))
        return fail_closed(u, co);
    int nargs = lua_status(co) == LUA_YIELD ? 0 : lua_gettop(co) - 1;
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
 * earlier. It allocates, so the task's coroutine must still be anchored. Once all has ended they are
 * not called: nothing can be spawned.
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
    for (int i = 2; lua_pushnil(store), lua_setiuservalue(store, -2, i); i++)
        continue;
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

/* Protected: keeps the traceback and the place of the spawn in the task's box. */
static void keep_traceback(lua_State *L, void *arg)
{
    ltask *t = arg;
    crun__ltask_push(L, t);
    crun__ltask_box(L, -1);
    int parts = crun__greenlet_error_traceback(L, t);
    luaL_traceback(L, t->L, NULL, 0);
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

static crun__step step(crun_task *task)
{
    crun__lua *u = (crun__lua *)task->type;
    ltask *t = (ltask *)task;
    if (!t->L && !crun__coroutine_start(u, t))
        return fail_start(u, t);
    lua_State *co = t->L;
    int status = resume(u, task, co);
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
    if (!t->L)
        forget_call(u, t, CRUN__STORE_NOTHING);
    crun__flag_set(&t->base, LTASK_VOID);
    if (t->base.flags & LTASK_BOX)
        call_back(u, t);
    if (t->base.flags & CRUN__EXTRA)
        crun__extra_drop(t);
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
