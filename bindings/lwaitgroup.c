/*
 * SPDX-License-Identifier: MIT
 *
 * WaitGroup: a count of what is under way, and waiting until it is zero.
 */
#include "lsync.h"

typedef struct lwaitgroup {
    crun__object object;
    crun_waitgroup group;
} lwaitgroup;

static const crun__class group_class;

static inline crun_waitgroup *check(lua_State *L)
{
    lwaitgroup *g = crun__object_check(L, 1, &group_class);
    return &g->group;
}

static int add(lua_State *L, crun_waitgroup *group, lua_Integer n)
{
    if (crun_waitgroup_add(group, (ptrdiff_t)n) < 0)
        return luaL_error(L, "the count of a WaitGroup cannot go from %I by %I",
                          (LUAI_UACINT)group->count, (LUAI_UACINT)n);
    return 0;
}

/* group:add([n]): n more, 1 if absent, are under way. Switches: never. */
static int l_add(lua_State *L)
{
    crun_waitgroup *group = check(L);
    return add(L, group, crun__sync_count(L, 2, LUA_MININTEGER));
}

/* group:done(): one less. Switches: never. */
static int l_done(lua_State *L)
{
    return add(L, check(L), -1);
}

static int l_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->count);
    return 1;
}

/* group:wait([seconds]) -> true once the count is zero | nil, message, "ETIMEDOUT". May wait. */
static int l_wait(lua_State *L)
{
    crun_waitgroup *group = check(L);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    return crun__sync_wait(L, self, crun__waitgroup_begin(group, self), deadline);
}

static int l_tostring(lua_State *L)
{
    const crun_waitgroup *group = check(L);
    lua_pushfstring(L, "crun.WaitGroup: count %I, %I waiting", (LUAI_UACINT)group->count,
                    (LUAI_UACINT)crun__waitq_count(&group->waiters));
    return 1;
}

static const luaL_Reg methods[] = {
    {"add", l_add}, {"done", l_done}, {"count", l_count}, {"wait", l_wait}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class group_class = {"crun.WaitGroup", methods, metamethods, sizeof(lwaitgroup),
                                        0};

/* WaitGroup() -> WaitGroup with a count of zero. */
static int l_waitgroup(lua_State *L)
{
    lwaitgroup *g = crun__object_new(L, &group_class);
    crun_waitgroup_init(&g->group);
    return 1;
}

void crun__open_waitgroup(lua_State *L)
{
    static const luaL_Reg functions[] = {{"WaitGroup", l_waitgroup}, {NULL, NULL}};
    crun__class_open(L, &group_class, 0);
    crun__open_functions(L, functions);
}
