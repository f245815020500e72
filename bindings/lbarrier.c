/*
 * SPDX-License-Identifier: MIT
 *
 * Barrier. Its action, if it has one, is its user value.
 */
#include "lsync.h"

typedef struct lbarrier {
    crun__object object;
    crun_barrier barrier;
    bool has_action;
} lbarrier;

enum { MOST_PARTIES = 1 << 30 };

static const crun__class barrier_class;

static inline lbarrier *check(lua_State *L)
{
    return crun__object_check(L, 1, &barrier_class);
}

/* --- wait --------------------------------------------------------------------------------- */

static int answer(lua_State *L, int rc)
{
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushinteger(L, rc);
    return 1;
}

/* An action that fails breaks the barrier, unless its round has been reset meanwhile. */
static int acted(lua_State *L, int status, lua_KContext round)
{
    lbarrier *b = lua_touserdata(L, 1);
    if (status == LUA_OK || status == LUA_YIELD)
        return answer(L, crun__barrier_open(&b->barrier, (size_t)round));
    if (b->barrier.round == (size_t)round)
        crun_barrier_abort(&b->barrier);
    return lua_error(L);
}

/* The caller is the last of a round: the others wait until its action has returned. */
static int act(lua_State *L, const lbarrier *b)
{
    lua_KContext round = (lua_KContext)b->barrier.round;
    lua_getiuservalue(L, 1, 1);
    return acted(L, lua_pcallk(L, 0, 0, 0, round, acted), round);
}

static int wait_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    const lbarrier *b = lua_touserdata(L, 1);
    int rc = crun__lua_result(L);
    return rc == (int)b->barrier.parties ? act(L, b) : answer(L, rc);
}

/*
 * barrier:wait([seconds]) -> order of arrival from 1 | nil, message, "ETIMEDOUT" | "EBROKEN". May
 * wait.
 */
static int l_wait(lua_State *L)
{
    lbarrier *b = check(L);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    int rc = crun__barrier_begin(&b->barrier, self, b->has_action);
    if (rc == 0)
        return crun__lua_park(L, self, deadline, 0, wait_finish);
    return rc > 0 && b->has_action ? act(L, b) : answer(L, rc);
}

/* --- the rest ----------------------------------------------------------------------------- */

/* barrier:abort(): who waits, and who comes, gets EBROKEN. Switches: never. */
static int l_abort(lua_State *L)
{
    crun_barrier_abort(&check(L)->barrier);
    return 0;
}

/* barrier:reset(): whole and empty again; who waits gets EBROKEN. Switches: never. */
static int l_reset(lua_State *L)
{
    crun_barrier_reset(&check(L)->barrier);
    return 0;
}

static int l_parties(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->barrier.parties);
    return 1;
}

static int l_n_waiting(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)crun__waitq_count(&check(L)->barrier.waiters));
    return 1;
}

static int l_broken(lua_State *L)
{
    lua_pushboolean(L, check(L)->barrier.broken);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const crun_barrier *b = &check(L)->barrier;
    lua_pushfstring(L, "crun.Barrier: %I of %I waiting%s",
                    (LUAI_UACINT)crun__waitq_count(&b->waiters), (LUAI_UACINT)b->parties,
                    b->broken ? ", broken" : "");
    return 1;
}

static const luaL_Reg methods[] = {
    {"wait", l_wait},           {"abort", l_abort},   {"reset", l_reset}, {"parties", l_parties},
    {"n_waiting", l_n_waiting}, {"broken", l_broken}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class barrier_class = {"crun.Barrier", methods, metamethods, sizeof(lbarrier),
                                          1};

/*
 * Barrier(n [, action]) -> Barrier for n tasks; the last to come calls action before any goes on.
 */
static int l_barrier(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    if (!lua_isinteger(L, 1) || lua_tointeger(L, 1) < 1 || lua_tointeger(L, 1) > MOST_PARTIES)
        return crun__lua_badarg(L, 1, "an integer from 1 to 2^30");
    if (!lua_isnil(L, 2))
        crun__lua_checkcallable(L, 2);
    lbarrier *b = crun__object_new(L, &barrier_class);
    crun_barrier_init(&b->barrier, (size_t)lua_tointeger(L, 1));
    b->has_action = !lua_isnil(L, 2);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 3, 1);
    return 1;
}

void crun__open_barrier(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Barrier", l_barrier}, {NULL, NULL}};
    crun__class_open(L, &barrier_class, 0);
    crun__open_functions(L, functions);
}
