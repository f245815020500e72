/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_CLONE_SUPPORT_H
#define CRUN_SPEC_CLONE_SUPPORT_H

/* Two states, one that makes messages and one that reads them. */

#include <lauxlib.h>
#include <lualib.h>

#include "../../bindings/lclone.h"
#include "lua_memory.h"
#include "test.h"

static const char shape_module[] = "local Shape = {}; Shape.__index = Shape\n"
                                   "function Shape.new(n) return setmetatable({n = n}, Shape) end\n"
                                   "function Shape:area() return self.n * scale end\n"
                                   "return {Shape = Shape, data = {1, 2}}\n";

static inline lua_State *open_state(struct memory *memory)
{
    *memory = (struct memory){0};
    lua_State *L = lua_newstate(memory_allocate, memory);
    if (!L) {
        abort();
    }
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (luaL_dostring(L, shape_module) != LUA_OK) {
        abort();
    }
    lua_setfield(L, -2, "shape");
    (void)luaL_dostring(L, "package.searchers = {}");
    lua_settop(L, 0);
    return L;
}

static struct memory there_memory, here_memory;
static lua_State *there, *here;

static inline void begin(void)
{
    there = open_state(&there_memory);
    here = open_state(&here_memory);
}

static inline void finish(void)
{
    lua_close(there);
    lua_close(here);
    CHECK_EQ_INT(there_memory.used, 0);
    CHECK_EQ_INT(here_memory.used, 0);
}

static inline void run(lua_State *L, const char *text)
{
    if (!CHECK_EQ_INT(luaL_dostring(L, text), LUA_OK)) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(L, -1));
    }
}

static inline int encode_all(lua_State *L)
{
    const crun__clone *options = lua_touserdata(L, lua_upvalueindex(1));
    (void)crun__clone_encode(L, 1, lua_gettop(L), options);
    crun__message_string(L, -1);
    crun__message_release(L, -2);
    return 1;
}

static inline int decode_all(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    return crun__clone_decode(L, bytes, size, lua_touserdata(L, lua_upvalueindex(1)));
}

/* Leaves the message of what the text returns on the sender's stack. */
static inline const char *message_of(const char *text, const crun__clone *options, size_t *size)
{
    lua_settop(there, 0);
    lua_pushlightuserdata(there, (void *)(uintptr_t)options);
    lua_pushcclosure(there, encode_all, 1);
    if (luaL_loadstring(there, text) != LUA_OK || lua_pcall(there, 0, LUA_MULTRET, 0) != LUA_OK ||
        lua_pcall(there, lua_gettop(there) - 1, 1, 0) != LUA_OK) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(there, -1));
        *size = 0;
        return NULL;
    }
    return lua_tolstring(there, -1, size);
}

/* Reads a message in the other state; its values are on the stack then, or the error. */
static inline int receive(const char *bytes, size_t size, const crun__clone *options)
{
    lua_settop(here, 0);
    lua_pushlightuserdata(here, (void *)(uintptr_t)options);
    lua_pushcclosure(here, decode_all, 1);
    lua_pushlstring(here, bytes, size);
    return lua_pcall(here, 1, LUA_MULTRET, 0);
}

#endif
