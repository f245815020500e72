/*
 * SPDX-License-Identifier: MIT
 *
 * Lock and RLock. The user value is the function that took the lock last: see crun__hold_note.
 */
#include "llock.h"

static const crun__class lock_class, rlock_class;

llock *crun__llock_test(lua_State *L, int index)
{
    llock *l = crun__object_test(L, index, &lock_class);
    return l ? l : crun__object_test(L, index, &rlock_class);
}

static inline llock *check(lua_State *L)
{
    llock *l = crun__object_test(L, 1, &lock_class);
    if (!l)
        l = crun__object_test(L, 1, &rlock_class);
    return l ? l : crun__object_check(L, 1, &lock_class);
}

static inline int taken(lua_State *L, llock *l, lua_KContext mode)
{
    if (l->lock.depth == 1)
        crun__hold_note(L, &l->lock.hold, 1);
    return crun__sync_acquired(L, mode);
}

static int take_finish(lua_State *L, int status, lua_KContext mode)
{
    (void)status;
    llock *l = lua_touserdata(L, 1);
    int rc = crun__lua_code(L);
    return rc < 0 ? crun__hold_fail(L, &l->lock.hold, rc) : taken(L, l, mode);
}

/* Apart, so that taking a free lock saves no registers for it. */
__attribute__((noinline)) static int park(lua_State *L, crun_time deadline, lua_KContext mode)
{
    return crun__lua_park(L, crun__hub->current, deadline, mode, take_finish);
}

static inline int take(lua_State *L, llock *l, lua_KContext mode)
{
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__sync_deadline(L, mode);
    int rc = crun__lock_begin(&l->lock, self, deadline);
    if (rc > 0)
        return taken(L, l, mode);
    if (rc < 0)
        return crun__hold_fail(L, &l->lock.hold, rc);
    return park(L, deadline, mode);
}

static inline int release(lua_State *L, llock *l)
{
    crun__lua_self(L);
    if (crun_lock_release(&l->lock) < 0)
        return crun__hold_refuse(L, &l->lock.hold, "release");
    return 0;
}

int crun__llock_take(lua_State *L, llock *l, lua_KContext mode)
{
    return take(L, l, mode);
}

int crun__llock_release(lua_State *L, llock *l)
{
    return release(L, l);
}

/* lock:acquire([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_acquire(lua_State *L)
{
    return take(L, check(L), CRUN__ACQUIRE);
}

/* lock:hold([seconds]) -> lock | nil, message, "ETIMEDOUT"; its __close releases. May wait. */
static int l_hold(lua_State *L)
{
    return take(L, check(L), CRUN__HOLD);
}

/* lock:with(fn, ...) -> fn's results, with the lock held meanwhile. May wait. */
static int l_with(lua_State *L)
{
    return take(L, check(L), CRUN__WITH);
}

/* lock:release(): by its holder. Switches: never. */
static int l_release(lua_State *L)
{
    return release(L, check(L));
}

static int l_locked(lua_State *L)
{
    lua_pushboolean(L, check(L)->lock.hold.task != NULL);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const llock *l = check(L);
    if (!l->lock.hold.task) {
        lua_pushfstring(L, "%s: free", l->object.class->name);
        return 1;
    }
    crun__hold_describe(L, &l->lock.hold);
    lua_pushfstring(L, "%s: %s", l->object.class->name, lua_tostring(L, -1));
    if (l->lock.depth > 1)
        lua_pushfstring(L, ", %I times", (LUAI_UACINT)l->lock.depth);
    else
        lua_pushliteral(L, "");
    size_t waiting = crun__waitq_count(&l->lock.waiters);
    if (waiting > 0)
        lua_pushfstring(L, ", %I waiting", (LUAI_UACINT)waiting);
    else
        lua_pushliteral(L, "");
    lua_concat(L, 3);
    return 1;
}

static int l_gc(lua_State *L)
{
    llock *l = crun__llock_test(L, 1);
    if (l)
        crun__hold_forget(&l->lock.hold);
    return 0;
}

static const luaL_Reg methods[] = {
    {"acquire", l_acquire}, {"release", l_release}, {"hold", l_hold},
    {"with", l_with},       {"locked", l_locked},   {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", l_release}, {"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};

static const crun__class lock_class = {"crun.Lock", methods, metamethods, sizeof(llock), 1};
static const crun__class rlock_class = {"crun.RLock", methods, metamethods, sizeof(llock), 1};

llock *crun__llock_new(lua_State *L, bool reentrant)
{
    llock *l = crun__object_new(L, reentrant ? &rlock_class : &lock_class);
    crun_lock_init(&l->lock, reentrant);
    return l;
}

/* Lock() -> Lock */
static int l_lock(lua_State *L)
{
    crun__llock_new(L, false);
    return 1;
}

/* RLock() -> RLock, which its holder may acquire again. */
static int l_rlock(lua_State *L)
{
    crun__llock_new(L, true);
    return 1;
}

void crun__open_lock(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Lock", l_lock}, {"RLock", l_rlock}, {NULL, NULL}};
    crun__class_open(L, &lock_class, 0);
    crun__class_open(L, &rlock_class, 0);
    crun__open_functions(L, functions);
}
