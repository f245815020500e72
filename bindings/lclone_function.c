/*
 * SPDX-License-Identifier: MIT
 *
 * Functions in a message: their bytecode, and the globals that they use.
 */
#include "lclone_encode.h"

static int write_code(lua_State *L, const void *bytes, size_t size, void *message)
{
    (void)L;
    put_bytes(message, bytes, size);
    return 0;
}

static void want(crun__message *m, uint32_t function)
{
    lua_State *L = m->L;
    m->wanted_count++;
    lua_pushvalue(L, -1);
    lua_rawseti(L, m->wanted, m->wanted_count);
    lua_pushinteger(L, function);
    lua_rawseti(L, m->wanted, -(lua_Integer)m->wanted_count);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, m->wanted);
}

/* Whether the table at the index, if there is one, has the name on top. */
static bool listed(lua_State *L, int index)
{
    if (!index)
        return false;
    lua_pushvalue(L, -1);
    bool found = lua_rawget(L, index) != LUA_TNIL;
    lua_pop(L, 1);
    return found;
}

/* A function uses a global; it is sent along if the script has defined it. */
static void found_global(void *arg, const char *name, size_t size)
{
    crun__message *m = arg;
    lua_State *L = m->L;
    const char *global = lua_pushlstring(L, name, size);
    if (!listed(L, m->wanted) && !listed(L, m->options->known)) {
        lua_pushglobaltable(L);
        lua_pushvalue(L, -2);
        bool defined = lua_rawget(L, -2) != LUA_TNIL && !crun__global_is_standard(L, global);
        lua_pop(L, 2);
        if (defined)
            want(m, m->count);
    }
    lua_pop(L, 1);
}

static void make_wanted(crun__message *m)
{
    if (!lua_isnil(m->L, m->wanted))
        return;
    lua_newtable(m->L);
    lua_replace(m->L, m->wanted);
}

/* The globals that the function on top uses. */
static void look_for_globals(crun__message *m, size_t code, size_t size)
{
    bool env[255] = {false}, any = false;
    for (int i = 0; i < 255 && lua_getupvalue(m->L, -1, i + 1); i++) {
        env[i] = lua_istable(m->L, -1) && lua_topointer(m->L, -1) == m->globals;
        any = any || env[i];
        lua_pop(m->L, 1);
    }
    if (!any)
        return;
    make_wanted(m);
    crun__globals_scan(m->bytes + code, size, env, found_global, m);
}

/* The bytecode of the function on top, behind its size and its seal. */
void crun__clone_put_code(crun__message *m)
{
    uint32_t size;
    uint64_t seal;
    size_t at = m->used;
    memset(reserve(m, sizeof size + sizeof seal), 0, sizeof size + sizeof seal);
    m->used += sizeof size + sizeof seal;
    size_t code = m->used;
    if (lua_dump(m->L, write_code, m, 0) != 0 || m->used - code > UINT32_MAX)
        luaL_error(m->L, "unable to dump given function");
    size = (uint32_t)(m->used - code);
    seal = crun__siphash(crun__clone_key(), m->bytes + code, size);
    memcpy(m->bytes + at, &size, sizeof size);
    memcpy(m->bytes + at + sizeof size, &seal, sizeof seal);
    look_for_globals(m, code, size);
}

/* From global tables to their names; a metatable among them is a class of the script. */
static void make_classes(crun__message *m)
{
    lua_State *L = m->L;
    if (!lua_isnil(L, m->classes))
        return;
    lua_newtable(L);
    lua_replace(L, m->classes);
    lua_pushglobaltable(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1))
            continue;
        lua_pushvalue(L, -1);
        lua_pushvalue(L, -3);
        lua_rawset(L, m->classes);
    }
    lua_pop(L, 1);
}

/* Puts the metatable on top by the name of the global that it is. */
bool crun__clone_put_class(crun__message *m, const void *pointer)
{
    lua_State *L = m->L;
    make_classes(m);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, m->classes) != LUA_TSTRING) {
        lua_pop(L, 1);
        return false;
    }
    bool known = listed(L, m->options->known);
    make_wanted(m);
    if (!known && !listed(L, m->wanted))
        want(m, 0);
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    put_byte(m, known ? WIRE_KNOWN : WIRE_CLASS);
    put_sized(m, name, size);
    lua_pop(L, 1);
    if (known)
        (void)crun__message_object(m, pointer, false);
    else
        crun__clone_put_room(m, pointer);
    return true;
}
