/*
 * SPDX-License-Identifier: MIT
 *
 * Waiting for several Tasks and Futures at once: what wait, as_completed, gather, race, joinall and
 * killall in Lua stand on.
 *
 * There is a watch on the end of each, which tells the one who waits once enough have ended; nobody
 * asks them in turn. So all of it is O(n) for n of them. The watches that have not fired end with
 * the wait, or the loop: nothing stays registered.
 */
#include <limits.h>
#include <stdio.h>

#include "lawait.h"

typedef struct watch {
    crun_wait wait; /* its link: once it has fired, in the list of those that have ended */
    struct watch_set *set;
    crun__awaitable what;
} watch;

/* Its user value is the list, which keeps alive what it watches. */
typedef struct watch_set {
    crun_waitq waiter; /* the tasks that wait for all this */
    crun__link ended;  /* in the order of their ends, until as_completed gives them out */
    crun_time deadline;
    size_t size;
    size_t left;   /* not yet given out */
    size_t needed; /* ends still to come */
    size_t failed; /* number of the task that failed first; 0: none */
    bool stop;     /* a failure is enough */
    bool satisfied;
    watch watches[];
} watch_set;

static watch *watch_of(crun__link *link)
{
    return crun__container_of(crun__wait_of_link(link), watch, wait);
}

static size_t number_of(const watch_set *set, const watch *w)
{
    return (size_t)(w - set->watches) + 1;
}

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const watch_set *set = wait->object;
    (void)snprintf(text, size, "waiting for %zu of %zu tasks to end", set->needed, set->size);
}

/* The first of those that have not ended. */
static const crun_task *awaits(const crun_wait *wait)
{
    const watch_set *set = wait->object;
    for (size_t i = 0; i < set->size; i++)
        if (set->watches[i].wait.type && set->watches[i].what.task)
            return set->watches[i].what.task;
    return NULL;
}

static const crun_wait_type set_type = {
    .verb = "waiting for tasks to end",
    .queue_offset = offsetof(watch_set, waiter),
    .describe = describe,
    .awaits = awaits,
};

/* Of tasks that are not to be left behind: who waits has to see their ends first. */
static const crun_wait_type outlast_type = {
    .verb = "waiting for tasks to end",
    .queue_offset = offsetof(watch_set, waiter),
    .describe = describe,
    .awaits = awaits,
    .firm = true,
};

/* One more of them has ended; its watch stands in no queue any more. */
static void count(watch_set *set, watch *w)
{
    crun__list_push_tail(&set->ended, &w->wait.link);
    if (set->needed > 0)
        set->needed--;
    if (crun__awaitable_bad(&w->what) && !set->failed)
        set->failed = number_of(set, w);
    if (set->needed == 0 || (set->stop && set->failed))
        set->satisfied = true;
}

static void fire(crun_wait *wait, int result)
{
    (void)result;
    watch *w = crun__container_of(wait, watch, wait);
    watch_set *set = w->set;
    count(set, w);
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
    set->size = 0;
}

/* A coroutine that waited here may have been dropped. */
static int set_gc(lua_State *L)
{
    end_watches(lua_touserdata(L, 1));
    return 0;
}

#define WATCH_SET "crun.WatchSet"
#define COMPLETION "crun.Completion"

/* The list is at index 1; pushes the set. */
static watch_set *set_new(lua_State *L, size_t size, const char *class)
{
    watch_set *set = lua_newuserdatauv(L, sizeof *set + size * sizeof(watch), 1);
    *set = (watch_set){.left = size, .deadline = CRUN_FOREVER};
    crun__list_init(&set->ended);
    luaL_setmetatable(L, class);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return set;
}

/* Raises at the caller of the function in Lua of that name. */
static int bad_item(lua_State *L, watch_set *set, const char *name, const char *is)
{
    int i = (int)set->size + 1;
    end_watches(set);
    luaL_where(L, 2);
    lua_pushfstring(L, "bad argument #1 to '%s' (item %d of the list %s)", name, i, is);
    lua_concat(L, 2);
    return lua_error(L);
}

/* Looks up what the watch is for, at its place in the list. */
static void listed(lua_State *L, watch_set *set, const char *name, watch *w)
{
    lua_rawgeti(L, 1, (lua_Integer)number_of(set, w));
    if (!crun__awaitable_get(L, -1, &w->what))
        bad_item(L, set, name,
                 lua_pushfstring(L, "is no Task or Future but a %s", luaL_typename(L, -1)));
    if (w->what.task == crun__hub->current)
        bad_item(L, set, name, "is the calling task, which cannot wait for itself");
    lua_pop(L, 1);
}

static void watch_all(lua_State *L, watch_set *set, size_t size, const char *name)
{
    while (set->size < size) {
        watch *w = &set->watches[set->size];
        listed(L, set, name, w);
        w->set = set;
        w->wait.type = NULL;
        set->size++;
        if (crun__awaitable_ended(&w->what))
            count(set, w);
        else
            crun__watch_begin(&w->wait, &watch_type, w->what.joiners);
    }
}

/* --- until enough have ended -------------------------------------------------------------- */

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
    if (crun__list_empty(&set->ended))
        return 1;
    if (set->failed)
        lua_pushinteger(L, (lua_Integer)set->failed);
    else
        lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)number_of(set, watch_of(set->ended.next)));
    return 3;
}

/* The set at index 6 is new. */
static int watch_and_wait(lua_State *L, watch_set *set, size_t size, const crun_wait_type *type,
                          crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    set->satisfied = set->needed == 0;
    watch_all(L, set, size, lua_tostring(L, 5));
    if (set->satisfied) {
        self->wait.result = 0;
        return set_finish(L, LUA_OK, 0);
    }
    crun__wait_begin(self, type, set);
    return crun__lua_park(L, self, deadline, 0, set_finish);
}

/*
 * wait_tasks(list, count, stop, seconds, name) -> true, place of the one that failed first or nil,
 * place of the one that ended first | nil, message, "ETIMEDOUT". Waits until count of them have
 * ended, or with stop until one has failed or been cancelled; name is the caller's, for errors. The
 * list must not be changed meanwhile. May wait.
 */
static int l_wait_tasks(lua_State *L)
{
    crun__lua_self(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t size = lua_rawlen(L, 1);
    lua_Integer needed = luaL_checkinteger(L, 2);
    luaL_argcheck(L, needed >= 0, 2, "a number of tasks expected");
    crun_time deadline = crun__lua_deadline(L, 4);
    luaL_checkstring(L, 5);
    lua_settop(L, 5);
    watch_set *set = set_new(L, size, WATCH_SET);
    set->needed = (size_t)needed < size ? (size_t)needed : size;
    set->stop = lua_toboolean(L, 3);
    return watch_and_wait(L, set, size, &set_type, deadline);
}

/*
 * outlast(list, name): waits until all have ended. Neither a cancel nor an error thrown at the
 * caller ends that; they are raised at its next wait. The rest as wait_tasks. May wait.
 */
static int l_outlast(lua_State *L)
{
    crun__lua_self(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstring(L, 2);
    lua_settop(L, 5);
    lua_copy(L, 2, 5);
    size_t size = lua_rawlen(L, 1);
    watch_set *set = set_new(L, size, WATCH_SET);
    set->needed = size;
    return watch_and_wait(L, set, size, &outlast_type, CRUN_FOREVER);
}

/* copy_list(list) -> a list of the same items; of a table, without metamethods. Switches: never. */
static int l_copy_list(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    lua_createtable(L, size < INT_MAX ? (int)size : 0, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, 2, i);
    }
    return 1;
}

/*
 * partition(list) -> list of those that have ended, list of those that have not. Switches: never.
 */
static int l_partition(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1), counts[2] = {0, 0};
    lua_settop(L, 1);
    lua_newtable(L);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= size; i++) {
        crun__awaitable what;
        lua_rawgeti(L, 1, i);
        if (!crun__awaitable_get(L, -1, &what))
            return luaL_typeerror(L, 1, "list of Tasks and Futures");
        int pending = !crun__awaitable_ended(&what);
        lua_rawseti(L, 2 + pending, ++counts[pending]);
    }
    return 2;
}

/* --- one after the other as they end ------------------------------------------------------ */

static watch_set *check(lua_State *L)
{
    return luaL_checkudata(L, 1, COMPLETION);
}

static int next(lua_State *L, watch_set *set);

static int next_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    watch_set *set = lua_touserdata(L, 1);
    int rc = crun__lua_result(L);
    if (rc < 0)
        return luaL_error(L, "%s: %s with %d to come", crun_error_name(rc), crun_error_text(rc),
                          (int)set->left);
    return next(L, set);
}

/* Whoever is woken may find that somebody else has been quicker. */
static int next(lua_State *L, watch_set *set)
{
    crun__link *link = crun__list_pop_head(&set->ended);
    if (link) {
        set->left--;
        lua_getiuservalue(L, 1, 1);
        lua_rawgeti(L, -1, (lua_Integer)number_of(set, watch_of(link)));
        return 1;
    }
    if (set->left == 0) {
        lua_pushnil(L);
        return 1;
    }
    crun_task *self = crun__lua_self(L);
    set->needed = 1;
    set->satisfied = false;
    crun__wait_begin(self, &set_type, set);
    return crun__lua_park(L, self, set->deadline, 0, next_finish);
}

/* completion() -> the next that ends | nil after the last. Raises "ETIMEDOUT: ...". May wait. */
static int l_next(lua_State *L)
{
    watch_set *set = check(L);
    lua_settop(L, 1);
    return next(L, set);
}

/* Nothing more comes; whoever waits learns that. */
static int l_close(lua_State *L)
{
    watch_set *set = check(L);
    end_watches(set);
    crun__list_init(&set->ended);
    set->left = 0;
    crun__wake_all(&set->waiter, 0);
    return 0;
}

static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->left);
    return 1;
}

static int l_tostring(lua_State *L)
{
    lua_pushfstring(L, COMPLETION ": %d to come", (int)check(L)->left);
    return 1;
}

/*
 * completion(list, seconds, name) -> Completion, nil, nil, Completion: what a generic for takes.
 * The list is the Completion's own from now on; name is the caller's, for errors. Switches: never.
 */
static int l_completion(lua_State *L)
{
    crun__lua_self(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t size = lua_rawlen(L, 1);
    crun_time deadline = crun__lua_deadline(L, 2);
    const char *name = luaL_checkstring(L, 3);
    lua_settop(L, 3);
    watch_set *set = set_new(L, size, COMPLETION);
    set->deadline = deadline;
    watch_all(L, set, size, name);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, -3);
    return 4;
}

static void open_class(lua_State *L, const char *name, const luaL_Reg *metamethods)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, metamethods, 0);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void crun__open_watch(lua_State *L)
{
    static const luaL_Reg set[] = {{"__gc", set_gc}, {NULL, NULL}};
    static const luaL_Reg completion[] = {
        {"__call", l_next},         {"__close", l_close}, {"__len", l_len},
        {"__tostring", l_tostring}, {"__gc", set_gc},     {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"wait_tasks", l_wait_tasks}, {"outlast", l_outlast},       {"partition", l_partition},
        {"copy_list", l_copy_list},   {"completion", l_completion}, {NULL, NULL},
    };
    open_class(L, WATCH_SET, set);
    open_class(L, COMPLETION, completion);
    crun__open_functions(L, functions);
}
