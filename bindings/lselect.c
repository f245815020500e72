/*
 * SPDX-License-Identifier: MIT
 *
 * select: waiting for the first of several things.
 *
 * The memory of a select is used again by the next: those that are not in use lie in a table, which
 * is the function's first upvalue.
 */
#include "lselect.h"

#include "lawait.h"
#include "llock.h"
#include "lprocess.h"
#include "lstream.h"

/* Selects in the pool have room for so many cases; and so many of them are kept. */
enum { POOLED_CASES = 8, POOL = 64 };

/* Its memory is lost only with the coroutine that it waits in, which somebody has closed. */
static int memory_gc(lua_State *L)
{
    lselect *s = lua_touserdata(L, 1);
    if (crun__universe && s->base.task)
        crun__wait_abort(&s->base.task->wait, CRUN_ECANCELED);
    return 0;
}

#define MEMORY "crun.Select"

static lselect *memory_new(lua_State *L, size_t capacity)
{
    lselect *s = lua_newuserdatauv(L, sizeof *s + capacity * sizeof(crun__case), 1);
    *s = (lselect){.capacity = capacity};
    if (luaL_newmetatable(L, MEMORY)) {
        lua_pushcfunction(L, memory_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return s;
}

static inline int *pool_count(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(LSELECT_UP_COUNT));
}

/*
 * Pushes memory for so many cases; it stays in the pool, for nobody else asks for it before it is
 * taken out.
 */
static lselect *memory_get(lua_State *L, size_t capacity)
{
    if (capacity > POOLED_CASES)
        return memory_new(L, capacity);
    int *count = pool_count(L);
    if (*count > 0) {
        lua_rawgeti(L, lua_upvalueindex(LSELECT_UP_POOL), *count);
        return lua_touserdata(L, -1);
    }
    lselect *s = memory_new(L, POOLED_CASES);
    lua_pushvalue(L, -1);
    lua_rawseti(L, lua_upvalueindex(LSELECT_UP_POOL), ++*count);
    return s;
}

/* It is about to wait: it keeps its cases, and the pool keeps it no more. */
static void memory_hold(lua_State *L, const lselect *s)
{
    if (s->capacity == POOLED_CASES) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, lua_upvalueindex(LSELECT_UP_POOL), (*pool_count(L))--);
    }
    lua_pushvalue(L, LSELECT_LIST);
    lua_setiuservalue(L, LSELECT_MEMORY, 1);
}

/* Needs no memory: the table has been made large enough. */
static void memory_put(lua_State *L, const lselect *s)
{
    int *count = pool_count(L);
    lua_pushnil(L);
    lua_setiuservalue(L, LSELECT_MEMORY, 1);
    if (s->capacity != POOLED_CASES || *count == POOL)
        return;
    lua_pushvalue(L, LSELECT_MEMORY);
    lua_rawseti(L, lua_upvalueindex(LSELECT_UP_POOL), ++*count);
}

/* --- results ------------------------------------------------------------------------------ */

static int failed(lua_State *L, const crun__case *c, size_t place)
{
    if (c->type == &crun__case_lock)
        return crun__hold_fail(L, &((const crun_lock *)c->object)->hold, c->result);
    lua_pushinteger(L, (lua_Integer)place + 1);
    return 1 + crun__lua_fail(L, c->result);
}

/* Of a Task or Future: its results. It may have failed or been cancelled, then it has none. */
static int ended(lua_State *L, const crun__case *c, size_t place)
{
    int object = crun__lselect_object(place);
    crun__awaitable a = {.joiners = NULL};
    crun__awaitable_get(L, object, &a);
    if (crun__awaitable_bad(&a) && crun__lselect_raises(c)) {
        crun__awaitable_error(L, object);
        return lua_error(L);
    }
    lua_pushinteger(L, (lua_Integer)place + 1);
    return 1 + crun__awaitable_results(L, object);
}

/* What the case has led to: its number, then what the same call outside of a select returns. */
static int results(lua_State *L, const crun__case *c, size_t place)
{
    if (c->result < 0)
        return failed(L, c, place);
    if (crun__lselect_receives(c)) {
        crun__lselect_fetch(L, c, place);
        lua_pushinteger(L, (lua_Integer)place + 1);
        lua_insert(L, -2);
        return 2;
    }
    if (c->type == &crun__case_task || c->type == &crun__case_future)
        return ended(L, c, place);
    if (c->type == &crun__case_lock)
        crun__hold_note(L, &((crun_lock *)c->object)->hold, crun__lselect_object(place));
    lua_pushinteger(L, (lua_Integer)place + 1);
    if (c->type == &crun__case_timer)
        return 1;
    if (c->type == &crun__case_process)
        return 1 + crun__child_exit(L, c->object);
    lua_pushboolean(L, 1);
    return 2;
}

/* Of a stream that somebody reads: another task, or another case of this select. */
static int busy(lua_State *L, const crun__case *c, size_t place)
{
    const crun_task *reader = crun_stream_reader(c->object);
    if (reader)
        crun__hold_task(L, reader);
    else
        lua_pushliteral(L, "another case");
    return crun__lselect_bad(L, place,
                             lua_pushfstring(L, "%s reads this stream", lua_tostring(L, -1)));
}

/* A case that forbids to wait. */
static int refused(lua_State *L, lselect *s, int code)
{
    size_t place = s->base.chosen;
    crun__case *c = &s->cases[place];
    if (c->type == &crun__case_task)
        return crun__lselect_bad(L, place, "it is the calling task, which never ends meanwhile");
    if (c->type == &crun__case_read && code == CRUN_EBUSY)
        return busy(L, c, place);
    c->result = code;
    return failed(L, c, place);
}

/* --- waiting ------------------------------------------------------------------------------ */

static int finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    lselect *s = lua_touserdata(L, LSELECT_MEMORY);
    int rc = crun__select_end(&s->base, crun__lua_code(L));
    size_t place = s->base.chosen;
    const crun__case *chosen = rc == 0 ? &s->cases[place] : NULL;
    bool promised = chosen && crun__lselect_promised(chosen);
    if (s->sends)
        crun__lselect_take_back(L, s, chosen && chosen->result == 0 && !promised ? chosen : NULL);
    if (promised) {
        int promise = chosen->result;
        memory_put(L, s);
        return crun__lselect_keep_promise(L, promise, place);
    }
    if (chosen) {
        int n = results(L, chosen, place);
        memory_put(L, s);
        return n;
    }
    memory_put(L, s);
    return crun__lua_fail(L, crun__lua_result(L));
}

/* Apart, so that a select that need not wait saves no registers for it. */
__attribute__((noinline)) static int wait(lua_State *L, lselect *s, crun_task *self)
{
    memory_hold(L, s);
    if (s->sends && crun__lselect_prepare(L, s) != LUA_OK) {
        crun__lselect_take_back(L, s, NULL);
        return lua_error(L);
    }
    int rc = crun__select_begin(&s->base, self);
    if (rc < 0) {
        if (s->sends)
            crun__lselect_take_back(L, s, NULL);
        return refused(L, s, rc);
    }
    return crun__lua_park(L, self, crun__select_until(&s->base), 0, finish);
}

/*
 * select{case, ..., timeout = seconds, default = true} -> number of the case, its results |
 * nil, message, "ETIMEDOUT" | 0. A case is {object, verb, value}, {object} or {seconds}; false
 * stands for none. May wait.
 */
static int l_select(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    lua_settop(L, LSELECT_LIST);
    crun__lselect_check(L);
    size_t count = (size_t)lua_rawlen(L, LSELECT_LIST);
    lselect *s = memory_get(L, count);
    crun__lselect_read(L, s, count);
    if (s->with_default)
        s->base.deadline = CRUN_NOWAIT;
    int rc = crun__select_pick(&s->base);
    if (rc == 0 && s->with_default) {
        lua_pushinteger(L, 0);
        return 1;
    }
    if (rc == 0)
        return wait(L, s, self);
    if (rc < 0)
        return refused(L, s, rc);
    size_t place = s->base.chosen;
    crun__case *c = &s->cases[place];
    if (!c->type->take)
        return crun__lselect_take(L, c, place);
    c->result = c->type->take(c);
    return results(L, c, place);
}

void crun__open_select(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_createtable(L, POOL, 0);
    *(int *)lua_newuserdatauv(L, sizeof(int), 0) = 0;
    lua_pushliteral(L, "timeout");
    lua_pushliteral(L, "default");
    lua_pushcclosure(L, l_select, LSELECT_UP_DEFAULT);
    lua_setfield(L, -2, "select");
    lua_pop(L, 1);
}
