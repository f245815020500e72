/*
 * SPDX-License-Identifier: MIT
 *
 * Module crun.core: the functions in C behind module crun, and switches for tests.
 */
#include <stdlib.h>

#include "bind.h"
#include "lerror.h"
#include "lsignal.h"
#include "lspawn.h"

void crun__push_upvalues(lua_State *L)
{
    lua_State *store = crun__universe->store;
    for (int i = 1; i <= CRUN__UP_COUNT; i++) {
        lua_pushvalue(store, i);
        lua_xmove(store, L, 1);
    }
}

void crun__open_functions(lua_State *L, const luaL_Reg *functions)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    crun__push_upvalues(L);
    luaL_setfuncs(L, functions, CRUN__UP_COUNT);
    lua_pop(L, 1);
}

/* --- switches for tests, not part of the API ---------------------------------------------- */

/* stats() -> table of what the hub holds. */
static int l_stats(lua_State *L)
{
    crun__lua_self(L);
    crun_hub_stats s = {.size = sizeof s};
    crun_hub_stats_get(crun__hub, &s);
    const struct {
        const char *name;
        size_t value;
    } fields[] = {
        {"tasks", s.tasks},
        {"daemons", s.daemons},
        {"stacks", s.stacks},
        {"stacks_idle", s.stacks_idle},
        {"timers", s.timers},
        {"handles", s.handles},
        {"parked_by_stack", s.stacks - s.stacks_idle},
    };
    lua_newtable(L);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, (lua_Integer)fields[i].value);
        lua_setfield(L, -2, fields[i].name);
    }
    return 1;
}

/* clock("real" | "virtual") -> the name before. */
static int l_clock(lua_State *L)
{
    static const char *const names[] = {"real", "virtual", NULL};
    crun__lua_self(L);
    enum crun_clock old = crun__hub->clock.kind;
    crun_hub_set_clock(crun__hub, (enum crun_clock)luaL_checkoption(L, 1, NULL, names));
    lua_pushstring(L, names[old]);
    return 1;
}

/* advance(seconds): moves the virtual clock. */
static int l_advance(lua_State *L)
{
    crun__lua_self(L);
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds from 0 to 1e9 expected");
    if (crun_hub_advance(crun__hub, (crun_time)(seconds * 1e9)) < 0)
        return luaL_error(L, "the clock is the real one");
    return 0;
}

/*
 * schedule([seed]): ready tasks run in an order drawn from the seed; without one, FIFO.
 * Returns: what, given to schedule, goes on with the order before.
 */
static int l_schedule(lua_State *L)
{
    crun__lua_self(L);
    uint64_t old = crun__hub->shuffled ? crun__hub->policy.state : CRUN_SCHEDULE_FIFO;
    crun_hub_set_schedule(crun__hub, (uint64_t)luaL_optinteger(L, 1, CRUN_SCHEDULE_FIFO));
    lua_pushinteger(L, (lua_Integer)old);
    return 1;
}

/* stack_budget([n]) -> the number before. */
static int l_stack_budget(lua_State *L)
{
    crun__lua_self(L);
    size_t old = crun__hub->stack_budget;
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer n = luaL_checkinteger(L, 1);
        luaL_argcheck(L, n >= 0, 1, "a number of stacks expected");
        crun_hub_set_stack_budget(crun__hub, (size_t)n);
    }
    lua_pushinteger(L, (lua_Integer)old);
    return 1;
}

static const luaL_Reg functions[] = {
    {"stats", l_stats},
    {"clock", l_clock},
    {"advance", l_advance},
    {"schedule", l_schedule},
    {"stack_budget", l_stack_budget},
    {NULL, NULL},
};

static void open_all(lua_State *L)
{
    crun__open_task(L);
    crun__open_scope(L);
    crun__open_wait(L);
    crun__open_calls(L);
    crun__open_future(L);
    crun__open_gather(L);
    crun__open_watch(L);
    crun__open_group(L);
    crun__open_queue(L);
    crun__open_priority_queue(L);
    crun__open_channel(L);
    crun__open_net(L);
    crun__open_lock(L);
    crun__open_semaphore(L);
    crun__open_event(L);
    crun__open_condition(L);
    crun__open_barrier(L);
    crun__open_rwlock(L);
    crun__open_waitgroup(L);
    crun__open_pool(L);
    crun__open_window(L);
    crun__open_select(L);
    crun__open_greenlet(L);
    crun__open_local(L);
    crun__open_context(L);
    crun__open_monitor(L);
    crun__open_dump(L);
    crun__open_clone(L);
    crun__open_port(L);
    crun__open_pipe(L);
    crun__open_descriptors(L);
    crun__open_claims(L);
    crun__open_remote(L);
    crun__open_tally(L);
    crun__open_process(L);
    crun__open_worker(L);
    crun__open_thread(L);
    crun__open_drain(L);
    crun__open_sigwatch(L);
    crun__open_functions(L, functions);
    crun__cycle_marker(L);
    crun__sentinel_renew(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_pushliteral(L, "crun " CRUN_VERSION);
    lua_setfield(L, -2, "_VERSION");
    lua_pushliteral(L, "crun");
    lua_setfield(L, -2, "_NAME");
}

/* CRUN_SEED=n runs any script under the schedule with which a test failed. */
static lua_Integer seed_from_environment(lua_State *L)
{
    const char *text = getenv("CRUN_SEED");
    lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV"); /* the interpreter's option -E */
    bool ignored = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!text || !*text || ignored)
        return CRUN_SCHEDULE_FIFO;
    int is_integer;
    if (!lua_stringtonumber(L, text))
        lua_pushnil(L);
    lua_Integer seed = lua_tointegerx(L, -1, &is_integer);
    lua_pop(L, 1);
    if (!is_integer)
        luaL_error(L, "CRUN_SEED: an integer expected, got '%s'", text);
    return seed;
}

int luaopen_crun_core(lua_State *L)
{
    luaL_checkversion(L);
    lua_Integer seed = seed_from_environment(L);
    int rc = crun_lua_attach(L, NULL);
    if (rc < 0)
        return luaL_error(L, "crun cannot be used here: %s", crun_error_text(rc));
    if (seed != CRUN_SCHEDULE_FIFO)
        crun_hub_set_schedule(crun__hub, (uint64_t)seed);
    open_all(L);
    if (crun__universe->owns_hub)
        crun__signals_take(crun__hub, false);
    return 1;
}
