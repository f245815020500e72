/*
 * SPDX-License-Identifier: MIT
 *
 * A C module for the specs: what a library written without thought of coroutines does. It declares
 * the few functions of Lua that it calls, so that it builds without Lua's headers.
 */
#include <stddef.h>

typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *L);
typedef ptrdiff_t lua_KContext;
typedef int (*lua_KFunction)(lua_State *L, int status, lua_KContext context);

void lua_createtable(lua_State *L, int narr, int nrec);
void lua_pushcclosure(lua_State *L, lua_CFunction fn, int n);
void lua_setfield(lua_State *L, int index, const char *key);
void lua_pushvalue(lua_State *L, int index);
void lua_pushinteger(lua_State *L, long long n);
void lua_callk(lua_State *L, int nargs, int nresults, lua_KContext context, lua_KFunction k);
int lua_pcallk(lua_State *L, int nargs, int nresults, int handler, lua_KContext context,
               lua_KFunction k);

enum { ENOUGH = 3, PAGE = 1024 };

/* each(fn): calls fn(1), fn(2), fn(3), as a parser would call its handlers. */
static int each(lua_State *L)
{
    for (int i = 1; i <= ENOUGH; i++) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, i);
        lua_callk(L, 1, 0, 0, NULL);
    }
    return 0;
}

/* guarded(fn): calls fn protected; returns the status and what fn returned or raised. */
static int guarded(lua_State *L)
{
    lua_pushvalue(L, 1);
    int status = lua_pcallk(L, 0, 1, 0, 0, NULL);
    lua_pushinteger(L, status);
    return 2;
}

/* A recursion that Lua does not see. */
static int depth(volatile char *above)
{
    volatile char page[PAGE];
    page[0] = *above;
    return depth(page) + page[0];
}

/* dive(): overflows the C stack. */
static int dive(lua_State *L)
{
    volatile char seed = 1;
    lua_pushinteger(L, depth(&seed));
    return 1;
}

__attribute__((visibility("default"))) int luaopen_cmodule(lua_State *L);

int luaopen_cmodule(lua_State *L)
{
    static const struct {
        const char *name;
        lua_CFunction fn;
    } functions[] = {{"each", each}, {"guarded", guarded}, {"dive", dive}};
    lua_createtable(L, 0, 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushcclosure(L, functions[i].fn, 0);
        lua_setfield(L, -2, functions[i].name);
    }
    return 1;
}
