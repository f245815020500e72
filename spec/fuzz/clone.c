/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: any bytes behind a right header are decoded. That gives an error, or values that
 * can be encoded and decoded again; never a crash, and never memory out of proportion. Each input
 * has a fresh state, so that it does the same in every run. .ci/fuzz builds and runs this.
 *
 * The file that checks seals is built without the fuzzer's instrumentation: that would show it the
 * right seal of any bytecode, which it would then forge.
 */
#include <lauxlib.h>
#include <lualib.h>

#include <stdlib.h>
#include <string.h>

#include "../../bindings/lclone.h"
#include "../c/lua_memory.h"

static bool shortcut; /* took the message that is being decoded */

/* What the shortcut takes, the decoder takes, with as many values. */
static int decode(lua_State *L)
{
    size_t size;
    const char *bytes = lua_tolstring(L, 1, &size);
    int flat = crun__clone_push_flat(L, bytes, size);
    lua_settop(L, 1);
    shortcut = flat >= 0;
    int count = crun__clone_decode(L, bytes, size, NULL);
    if (shortcut && flat != count)
        abort();
    shortcut = false;
    return count;
}

static int encode(lua_State *L)
{
    (void)crun__clone_encode(L, 1, lua_gettop(L), NULL);
    crun__message_string(L, -1);
    return 1;
}

static lua_State *open_state(struct memory *memory)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},
        {LUA_STRLIBNAME, luaopen_string},
        {LUA_TABLIBNAME, luaopen_table},
        {LUA_MATHLIBNAME, luaopen_math},
        {NULL, NULL},
    };
    lua_State *L = lua_newstate(memory_allocate, memory);
    if (!L)
        abort();
    for (const luaL_Reg *l = libraries; l->name; l++)
        luaL_requiref(L, l->name, l->func, 1);
    lua_settop(L, 0);
    lua_pushnil(L);
    lua_setglobal(L, "print");
    return L;
}

/* The header that crun itself would write. */
static void push_message(lua_State *L, const uint8_t *bytes, size_t size)
{
    crun__message *empty = crun__clone_encode(L, 1, 0, NULL);
    const char *header;
    size_t ignored;
    if (!crun__message_piece(empty, 0, &header, &ignored))
        abort();
    char *message = malloc(CRUN__CLONE_HEADER + size);
    if (!message)
        abort();
    uint64_t all = CRUN__CLONE_HEADER + size;
    memcpy(message, header, CRUN__CLONE_HEADER);
    memcpy(message + 4, &all, sizeof all);
    memcpy(message + CRUN__CLONE_HEADER, bytes, size);
    lua_settop(L, 0);
    lua_pushcfunction(L, decode);
    lua_pushlstring(L, message, CRUN__CLONE_HEADER + size);
    free(message);
}

static void check(lua_State *L)
{
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    if (status == LUA_ERRMEM || shortcut)
        abort();
    if (status != LUA_OK)
        return;
    lua_pushcfunction(L, encode);
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, 1, 0) != LUA_OK)
        abort();
    lua_pushcfunction(L, decode);
    lua_insert(L, 1);
    if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t key[CRUN__CLONE_KEY];
    crun__clone_set_key(key);
    struct memory memory = {.limit = 1 << 20};
    lua_State *L = open_state(&memory);
    push_message(L, bytes, size);
    memory.limit = memory.used + 1000 * size + 100000;
    check(L);
    memory.limit = 0;
    lua_close(L);
    return 0;
}
