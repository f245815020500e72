/*
 * SPDX-License-Identifier: MIT
 *
 * RWLock: many readers, or one writer. The user value is the function that took it last for
 * writing.
 */
#include "lsync.h"

typedef struct lrwlock {
    crun__object object;
    crun_rwlock lock;
} lrwlock;

static const crun__class rwlock_class;

static inline crun_rwlock *check(lua_State *L)
{
    lrwlock *l = crun__object_check(L, 1, &rwlock_class);
    return &l->lock;
}

static int read_finish(lua_State *L, int status, lua_KContext mode)
{
    (void)status;
    const lrwlock *l = lua_touserdata(L, 1);
    int rc = crun__lua_code(L);
    return rc < 0 ? crun__hold_fail(L, &l->lock.writer, rc) : crun__sync_acquired(L, mode);
}

static int read(lua_State *L, lua_KContext mode)
{
    crun_rwlock *lock = check(L);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__sync_deadline(L, mode);
    int rc = crun__rwlock_read_begin(lock, self, deadline);
    if (rc > 0)
        return crun__sync_acquired(L, mode);
    if (rc < 0)
        return crun__hold_fail(L, &lock->writer, rc);
    return crun__lua_park(L, self, deadline, mode, read_finish);
}

static int written(lua_State *L, crun_rwlock *lock, lua_KContext mode)
{
    crun__hold_note(L, &lock->writer, 1);
    return crun__sync_acquired(L, mode);
}

static int write_finish(lua_State *L, int status, lua_KContext mode)
{
    (void)status;
    lrwlock *l = lua_touserdata(L, 1);
    int rc = crun__lua_code(L);
    return rc < 0 ? crun__hold_fail(L, &l->lock.writer, rc) : written(L, &l->lock, mode);
}

static int write(lua_State *L, lua_KContext mode)
{
    crun_rwlock *lock = check(L);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__sync_deadline(L, mode);
    int rc = crun__rwlock_write_begin(lock, self, deadline);
    if (rc > 0)
        return written(L, lock, mode);
    if (rc < 0)
        return crun__hold_fail(L, &lock->writer, rc);
    return crun__lua_park(L, self, deadline, mode, write_finish);
}

/* lock:read_acquire([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_read_acquire(lua_State *L)
{
    return read(L, CRUN__ACQUIRE);
}

/* lock:hold_read([seconds]) -> lock | nil, message, "ETIMEDOUT"; its __close releases. May wait. */
static int l_hold_read(lua_State *L)
{
    return read(L, CRUN__HOLD);
}

/* lock:with_read(fn, ...) -> fn's results. May wait. */
static int l_with_read(lua_State *L)
{
    return read(L, CRUN__WITH);
}

/* lock:write_acquire([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_write_acquire(lua_State *L)
{
    return write(L, CRUN__ACQUIRE);
}

/*
 * lock:hold_write([seconds]) -> lock | nil, message, "ETIMEDOUT"; its __close releases. May wait.
 */
static int l_hold_write(lua_State *L)
{
    return write(L, CRUN__HOLD);
}

/* lock:with_write(fn, ...) -> fn's results. May wait. */
static int l_with_write(lua_State *L)
{
    return write(L, CRUN__WITH);
}

/* lock:read_release(). Switches: never. */
static int l_read_release(lua_State *L)
{
    if (crun_rwlock_read_done(check(L)) < 0)
        return luaL_error(L, "read_release of a RWLock that nobody reads");
    return 0;
}

/* lock:write_release(): by the writer. Switches: never. */
static int l_write_release(lua_State *L)
{
    crun_rwlock *lock = check(L);
    crun__lua_self(L);
    if (crun_rwlock_write_done(lock) < 0)
        return crun__hold_refuse(L, &lock->writer, "write_release");
    return 0;
}

/* Nobody reads while somebody writes, so it is clear what the scope has held. */
static int l_close(lua_State *L)
{
    return check(L)->writer.task ? l_write_release(L) : l_read_release(L);
}

static int l_tostring(lua_State *L)
{
    const crun_rwlock *lock = check(L);
    if (lock->writer.task) {
        crun__hold_describe(L, &lock->writer);
        lua_pushfstring(L, "crun.RWLock: %s", lua_tostring(L, -1));
    } else if (lock->reading > 0) {
        lua_pushfstring(L, "crun.RWLock: %I reading", (LUAI_UACINT)lock->reading);
    } else {
        lua_pushliteral(L, "crun.RWLock: free");
    }
    size_t waiting = crun__waitq_count(&lock->readers) + crun__waitq_count(&lock->writers);
    if (waiting > 0) {
        lua_pushfstring(L, ", %I waiting", (LUAI_UACINT)waiting);
        lua_concat(L, 2);
    }
    return 1;
}

static int l_gc(lua_State *L)
{
    lrwlock *l = crun__object_test(L, 1, &rwlock_class);
    if (l)
        crun__hold_forget(&l->lock.writer);
    return 0;
}

static const luaL_Reg methods[] = {
    {"read_acquire", l_read_acquire},
    {"read_release", l_read_release},
    {"hold_read", l_hold_read},
    {"with_read", l_with_read},
    {"write_acquire", l_write_acquire},
    {"write_release", l_write_release},
    {"hold_write", l_hold_write},
    {"with_write", l_with_write},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", l_close}, {"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};

static const crun__class rwlock_class = {"crun.RWLock", methods, metamethods, sizeof(lrwlock), 1};

/* RWLock() -> RWLock. While a writer waits, no further reader gets in. */
static int l_rwlock(lua_State *L)
{
    lrwlock *l = crun__object_new(L, &rwlock_class);
    crun_rwlock_init(&l->lock);
    return 1;
}

void crun__open_rwlock(lua_State *L)
{
    static const luaL_Reg functions[] = {{"RWLock", l_rwlock}, {NULL, NULL}};
    crun__class_open(L, &rwlock_class, 0);
    crun__open_functions(L, functions);
}
