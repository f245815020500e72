/*
 * SPDX-License-Identifier: MIT
 *
 * crun.core.tally: how many items have arrived at the other end of a link. Part of links, and not
 * of the API.
 */
#include "ltally.h"

ltally *crun__ltally_new(lua_State *L)
{
    ltally *t = crun__object_new_with(L, &crun__tally_class, 0);
    t->tally.fd = -1;
    return t;
}

static crun__tally *check(lua_State *L)
{
    ltally *t = crun__object_check(L, 1, &crun__tally_class);
    luaL_argcheck(L, t->tally.count, 1, "the Tally is not open");
    return &t->tally;
}

/* tally() -> a new one | nil, message, code. Switches: never. */
static int l_tally(lua_State *L)
{
    ltally *t = crun__ltally_new(L);
    int rc = crun__tally_init(&t->tally);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* tally:add(): one more. */
static int l_add(lua_State *L)
{
    crun__tally_add(check(L));
    return 0;
}

/* tally:read() -> integer */
static int l_read(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)crun__tally_read(check(L)));
    return 1;
}

/* tally:seal(): it has been sent, and will not be sent again. */
static int l_seal(lua_State *L)
{
    crun__tally_seal(check(L));
    return 0;
}

static int l_gc(lua_State *L)
{
    ltally *t = crun__object_check(L, 1, &crun__tally_class);
    crun__tally_fini(&t->tally);
    return 0;
}

static const luaL_Reg methods[] = {
    {"add", l_add},
    {"read", l_read},
    {"seal", l_seal},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__gc", l_gc}, {NULL, NULL}};

const crun__class crun__tally_class = {"crun.Tally", methods, metamethods, sizeof(ltally), 0};

void crun__open_tally(lua_State *L)
{
    crun__class_open(L, &crun__tally_class, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    (void)lua_getfield(L, -1, "remote");
    lua_pushcfunction(L, l_tally);
    lua_setfield(L, -2, "tally");
    lua_pop(L, 2);
}
