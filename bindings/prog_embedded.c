/* SPDX-License-Identifier: MIT */
#include <lauxlib.h>

#include <crun/lua.h>

#include "embedded.h"
#include "prog.h"

/*
 * The faces stand in package.preload, which require looks into before any path. So the program runs
 * with the faces that it was built and tested with, whatever version an installation or the current
 * folder holds; package.searchers stays as lua(1) has it, and so does the message about a module
 * that is not found. Who wants another `crun` removes the entry. A face is compiled when it is
 * required.
 */

static int load(lua_State *L)
{
    const struct crun__embedded *face = lua_touserdata(L, lua_upvalueindex(1));
    if (luaL_loadbufferx(L, face->data, face->size, face->chunk, "t") != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

void crun__prog_preload(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_crun_core);
    lua_setfield(L, -2, "crun.core");
    for (const struct crun__embedded *face = crun__embedded; face->name; face++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)face);
        lua_pushcclosure(L, load, 1);
        lua_setfield(L, -2, face->name);
    }
    lua_pop(L, 1);
}
