/*
 * SPDX-License-Identifier: MIT
 *
 * Several Tasks and Futures at once: what gather, joinall and killall in Lua stand on.
 */
#include <limits.h>
#include <stdio.h>

#include "lawait.h"
#include "lspawn.h"

typedef struct watch {
    crun_wait wait;
    struct watch_set *set;
    crun__awaitable what;
} watch;

/* A watch on each task of a list, until enough have ended. Its user value is the list. */
typedef struct watch_set {
    crun_waitq waiter; /* the task that waits for all this */
    size_t size;
    size_t needed; /* ends still to come */
    size_t failed; /* number of the task that failed first; 0: none */
    bool stop;     /* a failure is enough */
    bool satisfied;
    watch watches[];
} watch_set;

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const watch_set *set = wait->object;
    (void)snprintf(text, size, "waiting for %zu of %zu tasks to end", set->needed, set->size);
}

static const crun_wait_type set_type = {
    .verb = "waiting for tasks to end",
    .queue_offset = offsetof(watch_set, waiter),
    .describe = describe,
};

/* One more of them has ended. */
static void count(watch_set *set, size_t number, bool bad)
{
    if (set->needed > 0)
        set->needed--;
    if (bad && !set->failed)
        set->failed = number;
    if (set->needed == 0 || (set->stop && set->failed))
        set->satisfied = true;
}

static void fire(crun_wait *wait, int result)
{
    (void)result;
    watch *w = crun__container_of(wait, watch, wait);
    watch_set *set = w->set;
    count(set, (size_t)(w - set->watches) + 1, crun__awaitable_bad(&w->what));
    if (set->satisfied && !crun__waitq_empty(&set->waiter))
        crun__wake(set->waiter.first, 0);
}

static const crun_wait_type watch_type = {
    .verb = "watch",
    .queue_offset = 0,
    .fire = fire,
};

static void end_watches(watch_set *set)
{
    for (size_t i = 0; i < set->size; i++)
        crun__watch_end(&set->watches[i].wait);
}

/* A coroutine that waited here may have been dropped. */
static int set_gc(lua_State *L)
{
    end_watches(lua_touserdata(L, 1));
    return 0;
}

#define WATCH_SET "crun.WatchSet"

/* The list is at index 1; pushes the set. */
static watch_set *set_new(lua_State *L, size_t size)
{
    watch_set *set = lua_newuserdatauv(L, sizeof *set + size * sizeof(watch), 1);
    *set = (watch_set){.size = 0};
    if (luaL_newmetatable(L, WATCH_SET)) {
        lua_pushcfunction(L, set_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return set;
}

/* Raises at the caller of the function in Lua whose name is at index 5. */
static int bad_item(lua_State *L, size_t i, const char *is)
{
    luaL_where(L, 2);
    lua_pushfstring(L, "bad argument #1 to '%s' (item %d of the list %s)", lua_tostring(L, 5),
                    (int)i, is);
    lua_concat(L, 2);
    return lua_error(L);
}

/* What is at place i of the list, which the set's user value keeps alive. */
static void listed(lua_State *L, size_t i, crun__awaitable *out)
{
    lua_rawgeti(L, 1, (lua_Integer)i);
    if (!crun__awaitable_get(L, -1, out))
        bad_item(L, i, lua_pushfstring(L, "is no Task or Future but a %s", luaL_typename(L, -1)));
    if (out->task == crun__hub->current)
        bad_item(L, i, "is the calling task, which cannot wait for itself");
    lua_pop(L, 1);
}

static void watch_all(lua_State *L, watch_set *set, size_t size)
{
    for (size_t i = 1; i <= size; i++) {
        watch *w = &set->watches[i - 1];
        listed(L, i, &w->what);
        w->set = set;
        w->wait.type = NULL;
        set->size = i;
        if (crun__awaitable_ended(&w->what))
            count(set, i, crun__awaitable_bad(&w->what));
        else
            crun__watch_begin(&w->wait, &watch_type, w->what.joiners);
    }
}

/* Index 6 holds the set. */
static int set_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    watch_set *set = lua_touserdata(L, 6);
    int rc = crun__lua_code(L);
    end_watches(set);
    if (rc < 0)
        crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    if (!set->failed)
        return 1;
    lua_pushinteger(L, (lua_Integer)set->failed);
    return 2;
}

/*
 * wait_tasks(list, count, stop, seconds, name) -> true [, place of the task that failed first]
 * | nil, message, "ETIMEDOUT". Waits until count of the tasks have ended, or with stop until one
 * has failed or been cancelled; name is the caller's, for errors. May wait.
 */
static int l_wait_tasks(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t size = lua_rawlen(L, 1);
    lua_Integer needed = luaL_checkinteger(L, 2);
    luaL_argcheck(L, needed >= 0, 2, "a number of tasks expected");
    crun_time deadline = crun__lua_deadline(L, 4);
    luaL_checktype(L, 5, LUA_TSTRING);
    lua_settop(L, 5);
    watch_set *set = set_new(L, size);
    set->needed = (size_t)needed < size ? (size_t)needed : size;
    set->stop = lua_toboolean(L, 3);
    set->satisfied = set->needed == 0;
    watch_all(L, set, size);
    if (set->satisfied) {
        self->wait.result = 0;
        return set_finish(L, LUA_OK, 0);
    }
    crun__wait_begin(self, &set_type, set);
    return crun__lua_park(L, self, deadline, 0, set_finish);
}

/* first_results(list) -> list of the first result of each; nil for one that left none. */
static int l_first_results(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, 1, i);
        if (!crun__awaitable_test(L, -1))
            luaL_typeerror(L, 1, "list of Tasks and Futures");
        crun__awaitable_first_result(L, -1);
        lua_rawseti(L, 2, i);
        lua_pop(L, 1);
    }
    return 1;
}

/* --- starting them ------------------------------------------------------------------------ */

enum item { ITEM_FUNCTION, ITEM_AWAITABLE, ITEM_LIST, ITEM_WRONG };

static enum item classify(lua_State *L, int index)
{
    if (lua_isfunction(L, index))
        return ITEM_FUNCTION;
    if (crun__awaitable_test(L, index))
        return ITEM_AWAITABLE;
    if (!lua_istable(L, index))
        return ITEM_WRONG;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
        return ITEM_LIST;
    lua_pop(L, 1);
    return ITEM_FUNCTION;
}

/*
 * classify(items, n) -> "flat" | "nested" (a list among the items) | nil, place of a wrong item.
 * Switches: never.
 */
static int l_classify(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_checkinteger(L, 2);
    bool nested = false;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        enum item item = classify(L, -1);
        lua_pop(L, 1);
        if (item == ITEM_WRONG) {
            lua_pushnil(L);
            lua_pushinteger(L, i);
            return 2;
        }
        nested |= item == ITEM_LIST;
    }
    lua_pushstring(L, nested ? "nested" : "flat");
    return 1;
}

/* Frames of gather.lua between launch and who called gather. */
enum { GATHER_FRAMES = 4 };

/*
 * launch(items, n) -> list of Tasks and Futures: each function of a flat list is spawned. Switches:
 * never.
 */
static int l_launch(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_checkinteger(L, 2);
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    int tasks = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        if (!crun__awaitable_test(L, -1))
            crun__ltask_spawn_at(L, tasks + 1, 0, GATHER_FRAMES);
        lua_rawseti(L, tasks, i);
        lua_settop(L, tasks);
    }
    return 1;
}

void crun__open_gather(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"wait_tasks", l_wait_tasks},
        {"first_results", l_first_results},
        {"classify", l_classify},
        {"launch", l_launch},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
