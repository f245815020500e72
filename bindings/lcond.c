/*
 * SPDX-License-Identifier: MIT
 *
 * Condition. Its lock, a Lock or RLock, is its user value.
 *
 * wait and wait_for wait up to twice, for the notification and for the lock, and wait_for calls
 * its predicate before that and after. They are one loop of steps: a step that parks or calls ends
 * it if that takes place by yield, and then the continuation enters the loop at the next step.
 */
#include "llock.h"

typedef struct lcond {
    crun__object object;
    crun_cond cond;
} lcond;

static const crun__class cond_class;

static inline lcond *check(lua_State *L)
{
    return crun__object_check(L, 1, &cond_class);
}

/* --- its lock ----------------------------------------------------------------------------- */

/* Puts the lock in the Condition's place. */
static llock *as_lock(lua_State *L)
{
    check(L);
    lua_getiuservalue(L, 1, 1);
    lua_replace(L, 1);
    return crun__llock_test(L, 1);
}

/* condition:acquire([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_acquire(lua_State *L)
{
    return crun__llock_take(L, as_lock(L), CRUN__ACQUIRE);
}

/*
 * condition:hold([seconds]) -> its lock | nil, message, "ETIMEDOUT"; its __close releases. May
 * wait.
 */
static int l_hold(lua_State *L)
{
    return crun__llock_take(L, as_lock(L), CRUN__HOLD);
}

/* condition:with(fn, ...) -> fn's results, with its lock held meanwhile. May wait. */
static int l_with(lua_State *L)
{
    return crun__llock_take(L, as_lock(L), CRUN__WITH);
}

/* condition:release(). Switches: never. */
static int l_release(lua_State *L)
{
    return crun__llock_release(L, as_lock(L));
}

static int not_held(lua_State *L, const lcond *c, const char *deed)
{
    crun__hold_describe(L, &c->cond.lock->hold);
    return luaL_error(L, "%s needs the Condition's lock, which %s", deed, lua_tostring(L, -1));
}

/* --- wait --------------------------------------------------------------------------------- */

/* The stack: the Condition, the predicate or nil, then these. */
enum { PREDICATE = 2, DEADLINE, DEPTH, RESULT };

enum step { ASK, ASKED, WAIT, WAITED, REGAINED };

/* What a step returns when it is over and the function is not. */
enum { GO_ON = -1 };

static int run(lua_State *L, enum step step);

static int resume(lua_State *L, int status, lua_KContext step)
{
    return status == LUA_YIELD ? run(L, (enum step)step) : GO_ON;
}

static int ask(lua_State *L)
{
    lua_settop(L, RESULT);
    lua_pushvalue(L, PREDICATE);
    lua_callk(L, 0, 1, ASKED, resume);
    return GO_ON;
}

/* A predicate that holds at last counts, also when the time is up. */
static int asked(lua_State *L)
{
    if (lua_toboolean(L, -1))
        return 1;
    int result = (int)lua_tointeger(L, RESULT);
    return result < 0 ? crun__lua_fail(L, result) : GO_ON;
}

/* Whatever forbids to wait is found out while the lock is still held. */
static int wait(lua_State *L)
{
    lcond *c = lua_touserdata(L, 1);
    crun_task *self = crun__lua_self(L);
    size_t depth = 0;
    if (!crun__lua_can_yield(L, self) && crun__lua_in_finalizer(L))
        return crun__lua_raise(L, self, CRUN_EPERM);
    int rc = crun__runners_reserve(crun__hub);
    if (rc == 0)
        rc = crun__cond_begin(&c->cond, self, &depth);
    if (rc == CRUN_EPERM)
        return not_held(L, c, "wait");
    if (rc < 0)
        return crun__lua_raise(L, self, rc);
    lua_settop(L, DEADLINE);
    lua_pushinteger(L, (lua_Integer)depth);
    crun_time deadline = (crun_time)lua_tointeger(L, DEADLINE);
    return crun__lua_park(L, self, deadline, WAITED, resume);
}

static int regain(lua_State *L)
{
    lcond *c = lua_touserdata(L, 1);
    crun_task *self = crun__lua_waiter(L);
    lua_pushinteger(L, self->wait.result);
    int rc = crun__cond_regain(&c->cond, self);
    if (rc == 0)
        return crun__lua_park(L, self, CRUN_FOREVER, REGAINED, resume);
    self->wait.result = rc < 0 ? rc : 0;
    return GO_ON;
}

/* Holds the lock again, as often as before. */
static int regained(lua_State *L)
{
    lcond *c = lua_touserdata(L, 1);
    crun_lock *lock = c->cond.lock;
    int rc = crun__lua_code(L), result = (int)lua_tointeger(L, RESULT);
    if (rc < 0)
        return crun__hold_fail(L, &lock->hold, rc);
    lock->depth = (size_t)lua_tointeger(L, DEPTH);
    lua_getiuservalue(L, 1, 1);
    crun__hold_note(L, &lock->hold, lua_gettop(L));
    if (result < 0)
        result = crun__lua_raise(L, crun__hub->current, result);
    if (!lua_isnil(L, PREDICATE)) {
        lua_settop(L, RESULT);
        return GO_ON;
    }
    if (result < 0)
        return crun__lua_fail(L, result);
    lua_pushboolean(L, 1);
    return 1;
}

static int run(lua_State *L, enum step step)
{
    for (;;) {
        int n = GO_ON;
        switch (step) {
        case ASK:
            n = ask(L);
            step = ASKED;
            break;
        case ASKED:
            n = asked(L);
            step = WAIT;
            break;
        case WAIT:
            n = wait(L);
            step = WAITED;
            break;
        case WAITED:
            n = regain(L);
            step = REGAINED;
            break;
        case REGAINED:
            n = regained(L);
            step = ASK;
            break;
        }
        if (n != GO_ON)
            return n;
    }
}

/* condition:wait([seconds]) -> true | nil, message, "ETIMEDOUT"; with its lock held. May wait. */
static int l_wait(lua_State *L)
{
    check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)deadline);
    return run(L, WAIT);
}

/*
 * condition:wait_for(predicate [, seconds]) -> the predicate's first true value | nil, message,
 * "ETIMEDOUT"; with its lock held, in which the predicate is called, too. May wait.
 */
static int l_wait_for(lua_State *L)
{
    const lcond *c = check(L);
    crun__lua_checkcallable(L, PREDICATE);
    lua_pushinteger(L, (lua_Integer)crun__lua_last_deadline(L, DEADLINE));
    if (c->cond.lock->hold.task != crun__lua_self(L))
        return not_held(L, c, "wait_for");
    return run(L, ASK);
}

/* --- notify ------------------------------------------------------------------------------- */

static int notify(lua_State *L, const char *deed, size_t n)
{
    lcond *c = check(L);
    crun__lua_self(L);
    if (crun_cond_notify(&c->cond, n) < 0)
        return not_held(L, c, deed);
    return 0;
}

/* condition:notify([n]): the n that have waited longest, 1 if absent, go on. Switches: never. */
static int l_notify(lua_State *L)
{
    check(L);
    return notify(L, "notify", (size_t)crun__sync_count(L, 2, 0));
}

/* condition:notify_all(). Switches: never. */
static int l_notify_all(lua_State *L)
{
    return notify(L, "notify_all", SIZE_MAX);
}

static int l_tostring(lua_State *L)
{
    const lcond *c = check(L);
    lua_getiuservalue(L, 1, 1);
    lua_pushfstring(L, "crun.Condition: %I waiting, %s",
                    (LUAI_UACINT)crun__waitq_count(&c->cond.waiters), luaL_tolstring(L, -1, NULL));
    return 1;
}

static const luaL_Reg methods[] = {
    {"acquire", l_acquire}, {"release", l_release},
    {"hold", l_hold},       {"with", l_with},
    {"wait", l_wait},       {"wait_for", l_wait_for},
    {"notify", l_notify},   {"notify_all", l_notify_all},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class cond_class = {"crun.Condition", methods, metamethods, sizeof(lcond), 1};

/* Condition([lock]) -> Condition of that Lock or RLock, or of an RLock of its own. */
static int l_condition(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        crun__llock_new(L, true);
        lua_replace(L, 1);
    }
    llock *l = crun__llock_test(L, 1);
    if (!l)
        return luaL_typeerror(L, 1, "crun.Lock or crun.RLock");
    lcond *c = crun__object_new(L, &cond_class);
    crun_cond_init(&c->cond, &l->lock);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 1);
    return 1;
}

void crun__open_condition(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Condition", l_condition}, {NULL, NULL}};
    crun__class_open(L, &cond_class, 0);
    crun__open_functions(L, functions);
}
