/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_GCSTRESS_H
#define CRUN_SPEC_GCSTRESS_H

/*
 * Included before every file of bindings/ in the gcstress flavour: each function of Lua's API that
 * may start the collector does so, as it would in an unlucky program, finalizers included. An
 * object that is held by a C variable alone does not survive that. A collection costs milliseconds
 * under busted, hence each place in the code does it the first times it is passed, and now and then
 * later. What stores into tables or grows stacks is not among them: it takes memory, but collects
 * nothing.
 */

#include <lua.h>

#include <lauxlib.h>

#define GCSTRESS_ALWAYS 16U
#define GCSTRESS_LATER 256U

static inline void crun__gcstress(lua_State *L, unsigned *passed)
{
    unsigned n = __atomic_fetch_add(passed, 1, __ATOMIC_RELAXED);
    if (n < GCSTRESS_ALWAYS || n % GCSTRESS_LATER == 0) {
        (void)lua_gc(L, LUA_GCCOLLECT);
    }
}

#define GCSTRESS(L)                                                                                \
    __extension__({                                                                                \
        static unsigned crun__gcstress_passed;                                                     \
        crun__gcstress(L, &crun__gcstress_passed);                                                 \
    })

#define lua_concat(L, n) (GCSTRESS(L), lua_concat(L, n))
#define lua_createtable(L, narr, nrec) (GCSTRESS(L), lua_createtable(L, narr, nrec))
#define lua_newthread(L) (GCSTRESS(L), lua_newthread(L))
#define lua_newuserdatauv(L, size, n) (GCSTRESS(L), lua_newuserdatauv(L, size, n))
#define lua_pushcclosure(L, fn, n)                                                                 \
    ((n) > 0 ? (GCSTRESS(L), lua_pushcclosure(L, fn, n)) : lua_pushcclosure(L, fn, n))
#define lua_pushfstring(L, ...) (GCSTRESS(L), lua_pushfstring(L, __VA_ARGS__))
#define lua_pushlstring(L, s, size) (GCSTRESS(L), lua_pushlstring(L, s, size))
#define lua_pushstring(L, s) (GCSTRESS(L), lua_pushstring(L, s))
#define luaL_newmetatable(L, name) (GCSTRESS(L), luaL_newmetatable(L, name))
#define luaL_tolstring(L, index, size) (GCSTRESS(L), luaL_tolstring(L, index, size))
#define luaL_traceback(L, of, message, level) (GCSTRESS(L), luaL_traceback(L, of, message, level))

#endif
