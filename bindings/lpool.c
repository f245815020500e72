/*
 * SPDX-License-Identifier: MIT
 *
 * Pool: what its face in lua/crun/pool.lua stands on. Every job is one task, which is started here
 * with its place; the runtime gives the place back.
 */
#include <limits.h>
#include <math.h>

#include "../runtime/pool.h"
#include "lerror.h"
#include "lspawn.h"
#include "lsync.h"

typedef struct lpool {
    crun__object object;
    crun_pool pool;
    lua_Integer window;  /* of imap: jobs begun whose results are not yet fetched */
    lua_Integer cancels; /* how often it was cancelled; the last reason is its user value */
    bool closed;
} lpool;

/* Results that an unlimited pool's imap holds at most, running jobs included. */
enum { WINDOW = 1024 };

static const crun__class pool_class;

static inline lpool *check(lua_State *L)
{
    return crun__object_check(L, 1, &pool_class);
}

/* --- starting jobs ------------------------------------------------------------------------ */

/*
 * In which place a job starts: in a free one; in one that is already taken for it; in none; or it
 * stands in line for one.
 */
enum { FREE_PLACE, TAKEN_PLACE, NO_PLACE, LINE, OBSERVED };

static void refuse_closed(lua_State *L, int level)
{
    luaL_where(L, level);
    lua_pushliteral(L, "this Pool is closed: no job can be added");
    lua_concat(L, 2);
    lua_error(L);
}

/*
 * add(pool, level, kind, fn, ...) -> Task of fn(...), in the pool; nil: no place is free. level
 * names the function that counts as the spawning one; with OBSERVED, somebody will look at its
 * failure. Switches: never.
 */
static int l_add(lua_State *L)
{
    static const crun__pool_way ways[] = {CRUN__POOL_PLACED, CRUN__POOL_PLACED, CRUN__POOL_GUEST,
                                          CRUN__POOL_QUEUED};
    lpool *p = check(L);
    int level = (int)lua_tointeger(L, 2);
    lua_Integer kind = lua_tointeger(L, 3);
    if (p->closed)
        refuse_closed(L, level);
    if (kind % OBSERVED == FREE_PLACE && crun_pool_full(&p->pool)) {
        lua_pushnil(L);
        return 1;
    }
    if (crun__pool_reserve(&p->pool) < 0)
        return luaL_error(L, "not enough memory");
    crun__ltask_spawn_at(L, 4, lua_gettop(L) - 4, level);
    /* From here on nothing raises: the task has the place. */
    ltask *t = lua_touserdata(L, -1);
    if (kind & OBSERVED)
        crun__flag_set(&t->base, CRUN__OBSERVED);
    if (kind % OBSERVED == FREE_PLACE)
        crun__pool_take(&p->pool);
    crun__pool_add(&p->pool, &t->base, ways[kind % OBSERVED]);
    return 1;
}

static int deadlock(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "deadlock: every job of this Pool waits for a further place in it");
    lua_pushliteral(L, "EDEADLK");
    return 3;
}

/*
 * acquire(pool [, seconds]) -> true: a place is taken for a job to come | nil, message,
 * "ETIMEDOUT" | nil, message, "EDEADLK". May wait.
 */
static int l_acquire(lua_State *L)
{
    lpool *p = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    crun_task *self = crun__lua_self(L);
    int begun = crun__pool_begin(&p->pool, self, deadline == CRUN_FOREVER);
    if (begun < 0)
        return deadlock(L);
    return crun__sync_wait(L, self, begun, deadline);
}

/* give_back(pool): a place that acquire took is not needed. Switches: never. */
static int l_give_back(lua_State *L)
{
    crun__pool_give_back(&check(L)->pool);
    return 0;
}

static int occupy_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    crun__lua_result(L);
    crun_task *self = crun__hub->current;
    if (self->flags & (CRUN__DOOMED | CRUN__THROWN))
        return crun__lua_raise(L, self, CRUN_ECANCELED);
    return 0;
}

/*
 * occupy(pool): the running job, which stands in line, waits for its place. One that is cancelled
 * does not go on, even if it got it. May wait.
 */
static int l_occupy(lua_State *L)
{
    lpool *p = check(L);
    crun_task *self = crun__lua_self(L);
    if (crun__pool_occupy_begin(crun__pool_member_of(&p->pool, self), self) == 0)
        return crun__lua_park(L, self, CRUN_FOREVER, 0, occupy_finish);
    return 0;
}

/* inside(pool) -> whether the running task is one of its jobs. Switches: never. */
static int l_inside(lua_State *L)
{
    lpool *p = check(L);
    lua_pushboolean(L, crun__pool_member_of(&p->pool, crun__lua_self(L)) != NULL);
    return 1;
}

/* cancels(pool) -> how often it was cancelled, the last reason. Switches: never. */
static int l_cancels(lua_State *L)
{
    lua_pushinteger(L, check(L)->cancels);
    lua_getiuservalue(L, 1, 1);
    return 2;
}

/* window(pool) -> how many jobs imap may be ahead. Switches: never. */
static int l_window(lua_State *L)
{
    lua_pushinteger(L, check(L)->window);
    return 1;
}

/*
 * results(tasks) -> list of the first result of each | nil, place of the first that has none since
 * it failed or was cancelled. All have ended. Switches: never.
 */
static int l_results(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, 1, i);
        if (crun__ltask_check(L, -1)->base.status != CRUN_TASK_RETURNED) {
            lua_pushnil(L);
            lua_pushinteger(L, i);
            return 2;
        }
        crun__ltask_first_result(L, -1);
        lua_rawseti(L, 2, i);
        lua_settop(L, 2);
    }
    return 1;
}

/* observe(task): somebody will look at its failure. Switches: never. */
static int l_observe(lua_State *L)
{
    crun__flag_set(&crun__ltask_check(L, 1)->base, CRUN__OBSERVED);
    return 0;
}

static const crun_wait_type end_type = {
    .verb = "the end of a job",
    .queue_offset = offsetof(crun_task, joiners),
    .aside = true,
};

/* await_end(task): as task:join, but takes no charge of its failure. May wait. */
static int l_await_end(lua_State *L)
{
    ltask *t = crun__ltask_check(L, 1);
    crun_task *self = crun__lua_self(L);
    if (crun__task_ended(&t->base))
        return 0;
    crun__wait_begin(self, &end_type, t);
    return crun__lua_park(L, self, CRUN_FOREVER, 0, crun__lua_finish_true);
}

/* --- methods ------------------------------------------------------------------------------ */

/* pool:join([seconds]) -> true, once no job is in it | nil, message, "ETIMEDOUT". May wait. */
static int l_join(lua_State *L)
{
    lpool *p = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    crun_task *self = crun__lua_self(L);
    int begun = crun__pool_join_begin(&p->pool, self);
    if (begun < 0)
        return luaL_error(L, "a job cannot wait for the end of all jobs of its own Pool");
    return crun__sync_wait(L, self, begun, deadline);
}

/* pool:wait_available([seconds]) -> true, once a place is free | nil, message, "ETIMEDOUT". */
static int l_wait_available(lua_State *L)
{
    lpool *p = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    crun_task *self = crun__lua_self(L);
    return crun__sync_wait(L, self, crun__pool_available_begin(&p->pool, self), deadline);
}

/* Pushes a list of the tasks in the pool, the newest first. */
static void push_tasks(lua_State *L, const crun_pool *pool)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (const crun__pool_member *m = pool->members; m; m = m->next) {
        crun__ltask_push(L, m->watch.object);
        lua_rawseti(L, -2, ++n);
    }
}

/*
 * pool:cancel([reason]): cancels all jobs in it; those that wait for a place never start. Waits for
 * nobody: join does. The pool can be used further. Switches: never.
 */
static int l_cancel(lua_State *L)
{
    lpool *p = check(L);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, 1);
    p->cancels++;
    push_tasks(L, &p->pool);
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, 3); i >= 1; i--) {
        lua_rawgeti(L, 3, i);
        ltask *t = lua_touserdata(L, 4);
        if (!crun__task_ended(&t->base) && !(t->base.flags & CRUN__CANCEL)) {
            crun__cancelled_push(L, 2, 1, 0);
            crun__ltask_set_field(L, 4, LTASK_CANCELLED);
        }
        crun_task_cancel(&t->base);
        lua_settop(L, 3);
    }
    return 0;
}

/* pool:close(): jobs that are in it go on, further ones are refused. Switches: never. */
static int l_close(lua_State *L)
{
    check(L)->closed = true;
    return 0;
}

/* pool:full() -> whether a spawn would wait. Switches: never. */
static int l_full(lua_State *L)
{
    lua_pushboolean(L, crun_pool_full(&check(L)->pool));
    return 1;
}

/* pool:free_count() -> free places; math.huge without limit. Switches: never. */
static int l_free_count(lua_State *L)
{
    const crun_pool *pool = &check(L)->pool;
    if (pool->size == SIZE_MAX)
        lua_pushnumber(L, (lua_Number)HUGE_VAL);
    else
        lua_pushinteger(L, (lua_Integer)(pool->size - pool->taken));
    return 1;
}

/* #pool -> places taken. Switches: never. */
static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->pool.taken);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const lpool *p = check(L);
    const crun_pool *pool = &p->pool;
    const char *closed = p->closed ? ", closed" : "";
    if (pool->size == SIZE_MAX)
        lua_pushfstring(L, "crun.Pool: %I jobs, no limit%s", (LUAI_UACINT)pool->taken, closed);
    else
        lua_pushfstring(L, "crun.Pool: %I of %I places taken, %I waiting%s",
                        (LUAI_UACINT)pool->taken, (LUAI_UACINT)pool->size,
                        (LUAI_UACINT)crun__waitq_count(&pool->waiters), closed);
    return 1;
}

static int l_gc(lua_State *L)
{
    crun_pool_fini(&check(L)->pool);
    return 0;
}

static const luaL_Reg methods[] = {
    {"join", l_join},   {"wait_available", l_wait_available}, {"cancel", l_cancel},
    {"close", l_close}, {"free_count", l_free_count},         {"full", l_full},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__len", l_len}, {"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};

static const crun__class pool_class = {"crun.Pool", methods, metamethods, sizeof(lpool), 1};

/* --- making one --------------------------------------------------------------------------- */

/* The window that the options at index 2 ask for; 0: none. */
static lua_Integer window_option(lua_State *L)
{
    static const char *const known[] = {"window", NULL};
    if (lua_isnoneornil(L, 2))
        return 0;
    crun__lua_checkoptions(L, 2, known);
    lua_getfield(L, 2, "window");
    lua_Integer window = lua_tointeger(L, -1);
    if (!lua_isnil(L, -1) && (!lua_isinteger(L, -1) || window < 1))
        luaL_argerror(L, 2,
                      lua_pushfstring(L, "option 'window': an integer >= 1 expected, got %s",
                                      luaL_tolstring(L, -1, NULL)));
    return window;
}

/*
 * Pool([n [, {window=}]]) -> Pool of n places, without limit if n is nil. window: how many jobs an
 * imap may be ahead of its reader, 2 n if absent, 1024 without limit.
 */
static int l_pool(lua_State *L)
{
    bool limited = !lua_isnoneornil(L, 1);
    lua_Integer size = crun__sync_count(L, 1, 1), window = window_option(L);
    lpool *p = crun__object_new(L, &pool_class);
    crun_pool_init(&p->pool, limited ? (size_t)size : SIZE_MAX);
    p->window = limited && size < WINDOW ? 2 * size : WINDOW;
    if (window)
        p->window = window;
    return 1;
}

/* The table crun.core.pool, from which the face takes what it needs. */
static void open_internals(lua_State *L)
{
    static const luaL_Reg internals[] = {
        {"add", l_add},
        {"acquire", l_acquire},
        {"give_back", l_give_back},
        {"occupy", l_occupy},
        {"inside", l_inside},
        {"cancels", l_cancels},
        {"results", l_results},
        {"window", l_window},
        {"observe", l_observe},
        {"await_end", l_await_end},
        {NULL, NULL},
    };
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newlibtable(L, internals);
    crun__push_upvalues(L);
    luaL_setfuncs(L, internals, CRUN__UP_COUNT);
    luaL_getmetatable(L, pool_class.name);
    lua_setfield(L, -2, "metatable");
    lua_setfield(L, -2, "pool");
    lua_pop(L, 1);
}

void crun__open_pool(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Pool", l_pool}, {NULL, NULL}};
    crun__class_open(L, &pool_class, 0);
    crun__open_functions(L, functions);
    open_internals(L);
}
