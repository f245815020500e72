/*
 * SPDX-License-Identifier: MIT
 *
 * Semaphore and BoundedSemaphore.
 */
#include "lsync.h"

typedef struct lsem {
    crun__object object;
    crun_sem sem;
} lsem;

static const crun__class sem_class, bounded_class;

static inline lsem *test(lua_State *L, int index)
{
    lsem *s = crun__object_test(L, index, &sem_class);
    return s ? s : crun__object_test(L, index, &bounded_class);
}

static inline lsem *check(lua_State *L)
{
    lsem *s = test(L, 1);
    return s ? s : crun__object_check(L, 1, &sem_class);
}

crun_sem *crun__lsem_test(lua_State *L, int index)
{
    lsem *s = test(L, index);
    return s ? &s->sem : NULL;
}

static int take_finish(lua_State *L, int status, lua_KContext mode)
{
    (void)status;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : crun__sync_acquired(L, mode);
}

static int take(lua_State *L, lua_KContext mode)
{
    crun_sem *sem = &check(L)->sem;
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__sync_deadline(L, mode);
    if (crun__sem_begin(sem, self) > 0)
        return crun__sync_acquired(L, mode);
    return crun__lua_park(L, self, deadline, mode, take_finish);
}

/* semaphore:acquire([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_acquire(lua_State *L)
{
    return take(L, CRUN__ACQUIRE);
}

/* semaphore:hold([seconds]) -> semaphore | nil, message, "ETIMEDOUT"; its __close releases. */
static int l_hold(lua_State *L)
{
    return take(L, CRUN__HOLD);
}

/* semaphore:with(fn, ...) -> fn's results, with a unit taken meanwhile. May wait. */
static int l_with(lua_State *L)
{
    return take(L, CRUN__WITH);
}

static int release(lua_State *L, lsem *s, lua_Integer n)
{
    if (crun_sem_release(&s->sem, (size_t)n) < 0)
        return luaL_error(L, "release of %I would raise the value from %I above the limit of %I",
                          (LUAI_UACINT)n, (LUAI_UACINT)s->sem.count, (LUAI_UACINT)s->sem.limit);
    return 0;
}

/* semaphore:release([n]): gives n units, 1 if absent. Switches: never. */
static int l_release(lua_State *L)
{
    lsem *s = check(L);
    return release(L, s, crun__sync_count(L, 2, 1));
}

/* What a <close> variable calls with the error, if there is one. */
static int l_close(lua_State *L)
{
    return release(L, check(L), 1);
}

static int l_value(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->sem.count);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const lsem *s = check(L);
    lua_pushfstring(L, "%s: %I left, %I waiting", s->object.class->name, (LUAI_UACINT)s->sem.count,
                    (LUAI_UACINT)crun__waitq_count(&s->sem.waiters));
    return 1;
}

static const luaL_Reg methods[] = {
    {"acquire", l_acquire}, {"release", l_release}, {"hold", l_hold},
    {"with", l_with},       {"value", l_value},     {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class sem_class = {"crun.Semaphore", methods, metamethods, sizeof(lsem), 0};
static const crun__class bounded_class = {"crun.BoundedSemaphore", methods, metamethods,
                                          sizeof(lsem), 0};

static int new (lua_State *L, const crun__class *class)
{
    lua_Integer n = crun__sync_count(L, 1, 0);
    lsem *s = crun__object_new(L, class);
    crun_sem_init(&s->sem, (size_t)n, (size_t)(class == &bounded_class ? n : LUA_MAXINTEGER));
    return 1;
}

/* Semaphore([n]) -> Semaphore with n units to begin with, 1 if absent. */
static int l_semaphore(lua_State *L)
{
    return new (L, &sem_class);
}

/* BoundedSemaphore([n]) -> the same; releasing beyond n raises. */
static int l_bounded(lua_State *L)
{
    return new (L, &bounded_class);
}

void crun__open_semaphore(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"Semaphore", l_semaphore}, {"BoundedSemaphore", l_bounded}, {NULL, NULL}};
    crun__class_open(L, &sem_class, 0);
    crun__class_open(L, &bounded_class, 0);
    crun__open_functions(L, functions);
}
