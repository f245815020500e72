/*
 * SPDX-License-Identifier: MIT
 *
 * Switching between greenlets, and unwinding those that nobody will switch to any more.
 */
#include <stdio.h>

#include "lerror.h"
#include "lextra.h"
#include "lgreenlet.h"

/* Started greenlets are counted before anyone looks for abandoned ones, at the least. */
enum { FEW = 1000 };

/* --- arriving ----------------------------------------------------------------------------- */

/* The frame in L belongs to the greenlet at index 1, which has become the active one. */
static void anchor(lua_State *L, const crun__lgreenlet *self)
{
    lua_pushvalue(L, 1);
    crun__extra_replace(L, (ltask *)self->base.of->task, CRUN__EXTRA_GREENLET);
}

/* The switch of self has come back: what it returns or raises. */
static int arrive(lua_State *L, const crun__lgreenlet *self)
{
    anchor(L, self);
    if (self->count == CRUN__GREENLET_LOST)
        return luaL_error(L, "not enough memory for the values handed over to this greenlet");
    return self->raise ? lua_error(L) : self->count;
}

static int switch_to(lua_State *L, crun__lgreenlet *self, crun__lgreenlet *to)
{
    self->L = L;
    crun__greenlet_switch(&to->base);
    return arrive(L, self);
}

/* --- unwinding ---------------------------------------------------------------------------- */

static void push_exit(lua_State *L, int self)
{
    lua_getiuservalue(L, self, CRUN__GREENLET_OF);
    lua_getiuservalue(L, -1, CRUN__GREENLETS_EXIT);
    lua_remove(L, -2);
}

/*
 * Ends the suspended greenlet on top and pops it; self is at index 1 and goes on afterwards. A
 * doomed one anchors its reaper.
 */
static void reap(lua_State *L, crun__lgreenlet *self)
{
    crun__lgreenlet *doomed = lua_touserdata(L, -1);
    doomed->reaper = self;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, CRUN__GREENLET_REAPER);
    push_exit(L, 1);
    lua_xmove(L, doomed->L, 1);
    doomed->count = 1;
    doomed->raise = true;
    self->L = L;
    crun__greenlet_switch(&doomed->base);
    anchor(L, self);
    if (self->raise)
        lua_error(L); /* it has been doomed itself */
    lua_pop(L, 1);
}

/*
 * Pops the first abandoned greenlet off the list, and pushes it. The one that has been brought back
 * to life by somebody else's finalizer meanwhile needs its own again.
 */
static crun__lgreenlet *pop_abandoned(lua_State *L)
{
    lua_getiuservalue(L, 1, CRUN__GREENLET_OF);
    if (lua_getiuservalue(L, -1, CRUN__GREENLETS_ABANDONED) != LUA_TUSERDATA) {
        lua_pop(L, 2);
        return NULL;
    }
    lua_getiuservalue(L, -1, CRUN__GREENLET_NEXT);
    lua_setiuservalue(L, -3, CRUN__GREENLETS_ABANDONED);
    lua_remove(L, -2);
    lua_getmetatable(L, -1);
    lua_setmetatable(L, -2);
    return lua_touserdata(L, -1);
}

static void reap_abandoned(lua_State *L, crun__lgreenlet *self)
{
    crun__lgreenlet *g;
    crun__lgreenlets_of(self)->abandoned = false;
    while ((g = pop_abandoned(L))) {
        if (g->base.state == CRUN__GREENLET_SUSPENDED)
            reap(L, self);
        else
            lua_pop(L, 1);
    }
}

/* The active greenlet is at index 1. Whoever is suspended has itself at the bottom of its frame. */
static int unwind_all(lua_State *L)
{
    crun__lgreenlet *self = lua_touserdata(L, 1);
    crun__greenlet *g;
    while ((g = crun__greenlets_newest(self->base.of))) {
        lua_State *where = crun__lgreenlet_of(g)->L;
        lua_pushvalue(where, 1);
        lua_xmove(where, L, 1);
        reap(L, self);
    }
    return 0;
}

/* What cannot be unwound for want of memory leaves at least its stacks. */
static void unwind(lua_State *L, ltask *task)
{
    crun__extra_get(L, task, CRUN__EXTRA_GREENLET);
    crun__lgreenlet *self = lua_touserdata(L, -1);
    if (self) {
        lua_pushcfunction(L, unwind_all);
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 0, 0) == LUA_OK)
            return;
        const char *text = lua_tostring(L, -1);
        (void)fprintf(stderr, "crun: greenlets of task#%llu could not be unwound: %s\n",
                      (unsigned long long)task->base.id, text ? text : "(no text)");
        crun__universe->failures++;
        crun__greenlets_drop(self->base.of);
    }
    lua_pop(L, 1);
}

void crun__greenlets_unwind(lua_State *L, crun_task *task)
{
    if (crun__is_ltask(task) && (task->flags & CRUN__EXTRA) && lua_checkstack(L, LUA_MINSTACK))
        unwind(L, (ltask *)task);
}

void crun__greenlets_end(lua_State *L, ltask *task)
{
    if (crun__extra_get(L, task, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA) {
        crun__lgreenlet *g = lua_touserdata(L, -1);
        unwind(L, task);
        crun__greenlets_fini(g->base.of);
    }
    lua_pop(L, 1);
}

void crun__greenlets_drop_main(crun__lua *u)
{
    lua_State *L = u->store;
    if (crun__extra_get(L, u->main, CRUN__EXTRA_GREENLET) == LUA_TUSERDATA) {
        const crun__lgreenlet *g = lua_touserdata(L, -1);
        crun__greenlets_drop(g->base.of);
        crun__greenlets_fini(g->base.of);
    }
    lua_pop(L, 1);
}

/* --- the end of a greenlet ---------------------------------------------------------------- */

/* The nearest greenlet that can take it; an error does not start a new one, but ends it. */
static crun__lgreenlet *destination(crun__greenlet *g, bool raise)
{
    g = crun__greenlet_alive(g);
    while (raise && g->state == CRUN__GREENLET_NEW) {
        g->state = CRUN__GREENLET_DEAD;
        g = crun__greenlet_alive(g);
    }
    return crun__lgreenlet_of(g);
}

/* Moves values to who gets the turn next. Returns: whether there is room for them. */
static bool hand_over(lua_State *L, crun__lgreenlet *to, int count, bool raise)
{
    to->raise = raise;
    to->count = CRUN__GREENLET_LOST;
    if (!lua_checkstack(to->L, count + 1))
        return false;
    lua_xmove(L, to->L, count);
    to->count = count;
    return true;
}

/* Protected: the error on the stack goes to nobody else. */
static int report(lua_State *L)
{
    crun__ltask_push(L, (ltask *)crun__hub->current);
    lua_insert(L, 1);
    crun__lgreenlet_current(L);
    lua_getiuservalue(L, -1, CRUN__GREENLET_OF);
    lua_getiuservalue(L, -1, CRUN__GREENLETS_TRACEBACK);
    lua_replace(L, 3);
    lua_settop(L, 3);
    crun__report(L);
    return 0;
}

/* The error on top came out of a doomed greenlet. That the task is cancelled is no news. */
static void report_lost(lua_State *co)
{
    lua_Integer scope;
    if (crun__cancelled_test(co, -1, &scope))
        return;
    lua_pushcfunction(co, report);
    lua_insert(co, -2);
    if (lua_pcall(co, 1, 0, 0) == LUA_OK)
        return;
    const char *text = lua_tostring(co, -1);
    (void)fprintf(stderr, "crun: reporting the failure of a greenlet failed: %s\n",
                  text ? text : "(no text)");
    crun__universe->failures++;
}

/* An error that was made to end greenlets of this task. */
static bool is_exit(lua_State *L, const crun__lgreenlet *g)
{
    lua_Integer scope;
    return lua_checkstack(L, 4) && crun__cancelled_test(L, -1, &scope) &&
           scope == crun__lgreenlets_of(g)->exit;
}

/* The body is over; its values or its error are on top. Returns who goes on. */
static crun__lgreenlet *conclude(crun__lgreenlet *g, lua_State *co, int count, bool raise)
{
    lua_pushnil(co);
    lua_setiuservalue(co, 1, CRUN__GREENLET_CO);
    g->co = NULL;
    if (g->reaper) {
        g->reaper->count = 0;
        g->reaper->raise = false;
        return g->reaper;
    }
    crun__lgreenlet *to = destination(g->base.parent, raise);
    if (hand_over(co, to, count, raise))
        return to;
    /* Only what is suspended can say so. */
    to = destination(&to->base, true);
    to->count = CRUN__GREENLET_LOST;
    return to;
}

crun__greenlet *crun__lgreenlet_run(crun__greenlet *base)
{
    enum { FIXED = 2 };
    crun__lgreenlet *g = crun__lgreenlet_of(base);
    lua_State *co = g->co;
    base->runner->inner = co;
    anchor(co, g);
    /* One that was collected while it was new, and brought back, needs its finalizer again. */
    lua_getmetatable(co, 1);
    lua_setmetatable(co, 1);
    bool raise = lua_pcall(co, g->count, LUA_MULTRET, FIXED) != LUA_OK;
    if (raise && is_exit(co, g))
        raise = false;
    if (raise && g->reaper)
        report_lost(co);
    int count = g->reaper ? 0 : lua_gettop(co) - FIXED;
    base->runner->inner = NULL;
    crun__lgreenlet *to = conclude(g, co, count, raise);
    lua_settop(co, 0); /* what coroutine.status calls dead */
    return &to->base;
}

/* --- switch and throw --------------------------------------------------------------------- */

/* Pushes "task#3 'name'" of the greenlet's task. */
static const char *push_owner(lua_State *L, const crun__lgreenlet *g)
{
    crun__ltask_push(L, (ltask *)g->base.of->task);
    crun__ltask_describe(L, -1);
    return lua_tostring(L, -1);
}

static void check_reachable(lua_State *L, const crun__lgreenlet *self, const crun__lgreenlet *g)
{
    if (g->base.of == self->base.of)
        return;
    if (!g->base.of->task)
        luaL_error(L, "cannot switch to a greenlet of a task that has ended");
    const char *theirs = push_owner(L, g), *ours = push_owner(L, self);
    luaL_error(L,
               "cannot switch to a greenlet of %s from %s: greenlets belong to the task that "
               "created them",
               theirs, ours);
}

/* A full collection finds the abandoned ones. */
static void look_for_abandoned(lua_State *L, crun__lgreenlet *self)
{
    lua_gc(L, LUA_GCCOLLECT);
    reap_abandoned(L, self);
    crun__universe->greenlets_most = SIZE_MAX;
}

/*
 * Whether so many are started that abandoned ones should be looked for: since the last time they
 * have at least doubled. Counted from the lowest number since then, as others may have ended.
 */
static bool many_started(void)
{
    size_t started = crun__hub->greenlet_starter.started;
    size_t most = 2 * started + FEW;
    if (most < crun__universe->greenlets_most)
        crun__universe->greenlets_most = most;
    return started >= crun__universe->greenlets_most;
}

/* Gets a stack for a new greenlet. */
static void make_room(lua_State *L, crun__lgreenlet *self, crun__lgreenlet *to)
{
    if (many_started())
        look_for_abandoned(L, self);
    int rc = crun__greenlet_reserve(&to->base);
    if (rc < 0) {
        look_for_abandoned(L, self);
        rc = crun__greenlet_reserve(&to->base);
    }
    if (rc < 0)
        luaL_error(L, "cannot start a greenlet: %s (vm.max_map_count is %d)", crun_error_text(rc),
                   (int)crun__stack_map_limit());
}

/*
 * Puts the caller's greenlet below the one at index 1, and sees to what must be done before a
 * switch to it.
 */
static crun__lgreenlet *leave(lua_State *L)
{
    crun__lgreenlet *g = crun__lgreenlet_check(L, 1);
    crun__lgreenlet *self = crun__lgreenlet_current(L);
    lua_insert(L, 1);
    check_reachable(L, self, g);
    if (crun__lua_in_finalizer(L))
        luaL_error(L, "attempt to switch greenlets inside a finalizer (__gc)");
    if (self->reaper) {
        push_exit(L, 1);
        lua_error(L);
    }
    if (crun__lgreenlets_of(self)->abandoned)
        reap_abandoned(L, self);
    return self;
}

/* Stack: the active greenlet, the one that is asked for, the values. */
static int go(lua_State *L, crun__lgreenlet *self, bool raise)
{
    crun__lgreenlet *g = lua_touserdata(L, 2);
    crun__lgreenlet *to = destination(&g->base, raise);
    if (to == self)
        return raise ? lua_error(L) : lua_gettop(L) - 2;
    if (to->base.state == CRUN__GREENLET_NEW)
        make_room(L, self, to);
    int count = lua_gettop(L) - 2;
    if (!hand_over(L, to, count, raise))
        return luaL_error(L, "too many values to hand over (%d)", count);
    return switch_to(L, self, to);
}

int crun__l_greenlet_switch(lua_State *L)
{
    return go(L, leave(L), false);
}

/*
 * The error that ends a greenlet and goes no further: where there is nothing to end, it is just a
 * value.
 */
static bool push_ending(lua_State *L, const crun__lgreenlet *self)
{
    crun__lgreenlet *g = lua_touserdata(L, 2);
    lua_pushliteral(L, "ended by throw");
    crun__cancelled_push(L, -1, 1, crun__lgreenlets_of(self)->exit);
    lua_remove(L, -2);
    if (g->base.state == CRUN__GREENLET_NEW)
        g->base.state = CRUN__GREENLET_DEAD;
    return g->base.state != CRUN__GREENLET_DEAD;
}

int crun__l_greenlet_throw(lua_State *L)
{
    crun__lgreenlet *self = leave(L);
    bool raise = true;
    if (lua_gettop(L) == 2)
        raise = push_ending(L, self);
    lua_settop(L, 3);
    return go(L, self, raise);
}
