/*
 * SPDX-License-Identifier: MIT
 *
 * crun.core.encode and decode: the structured clone for tests. Not part of the API.
 */
#include "lclone.h"
#include "bind.h"

/* encode(...) -> string. Raises what cannot be sent. Switches: never. */
static int l_encode(lua_State *L)
{
    (void)crun__clone_encode(L, 1, lua_gettop(L), NULL);
    crun__message_string(L, -1);
    crun__message_release(L, -2);
    return 1;
}

/* decode(string) -> ... Raises "bad message: ...". May switch: where it requires a module. */
static int l_decode(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    return crun__clone_decode(L, bytes, size, NULL);
}

void crun__open_clone(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", l_encode},
        {"decode", l_decode},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
