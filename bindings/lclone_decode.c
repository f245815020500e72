/*
 * SPDX-License-Identifier: MIT
 *
 * Reads a message. Whatever the bytes are, this ends with values or with an error, and takes memory
 * in proportion to them: nothing is read behind the end, no room is made for more than the rest can
 * hold, bytecode is loaded only under its seal.
 */
#include <stdlib.h>

#include "lclone_decode.h"

void crun__clone_bad(decoder *d, const char *what)
{
    luaL_error(d->L, "bad message: %s", what);
    abort();
}

uint64_t crun__clone_size(const char *header)
{
    uint64_t size;
    if (memcmp(header, WIRE_MAGIC, 3) != 0 ||
        (uint8_t)header[3] != (CRUN__CLONE_VERSION | (wire_order.first ? 0 : 0x80)))
        return 0;
    memcpy(&size, header + 4, sizeof size);
    return size;
}

static void read_header(decoder *d)
{
    size_t size = rest(d);
    const char *header = (const char *)take(d, CRUN__CLONE_HEADER);
    uint64_t says = crun__clone_size(header);
    if (says == 0)
        crun__clone_bad(d, "not one of this version of crun");
    if (says != size)
        crun__clone_bad(d, says > size ? "it ends too early" : "it is longer than it says");
    memcpy(&d->declared, take(d, sizeof d->declared), sizeof d->declared);
    if (d->declared > rest(d) / 2 || d->declared > INT32_MAX)
        crun__clone_bad(d, "it has fewer objects than it says");
}

/* Puts what the decoder needs where the stack ends. */
static void make_tables(decoder *d)
{
    lua_State *L = d->L;
    d->list = lua_gettop(L) + 1;
    d->metatables = d->list + 1;
    d->globals = d->list + 2;
    if (d->declared > 0)
        lua_createtable(L, (int)d->declared, 0);
    else
        lua_pushnil(L);
    lua_pushnil(L);
    lua_pushnil(L);
    if (d->declared > 0)
        d->objects = lua_newuserdatauv(L, (d->declared + 1) * sizeof *d->objects, 0);
    else
        lua_pushnil(L);
}

static void read_contents(decoder *d, uint32_t id)
{
    lua_State *L = d->L;
    if (d->objects[id].kind == WIRE_NIL)
        return;
    if (d->objects[id].kind == WIRE_FUNCTION) {
        (void)lua_rawgeti(L, d->list, id);
        crun__clone_read_upvalues(d, id);
    } else {
        if (lua_rawgeti(L, d->list, -(lua_Integer)id) == LUA_TNIL) {
            lua_pop(L, 1);
            (void)lua_rawgeti(L, d->list, id);
        }
        crun__clone_read_fields(d, id);
    }
    lua_pop(L, 1);
}

static void read_definition(decoder *d)
{
    lua_State *L = d->L;
    if (lua_isnil(L, d->globals)) {
        lua_newtable(L);
        lua_replace(L, d->globals);
    }
    push_sized(d);
    lua_rawseti(L, d->globals, ++d->global_count);
    crun__clone_read_value(d);
    lua_rawseti(L, d->globals, ++d->global_count);
}

/* What other code can see changes only now that the whole message has been read. */
static void set_metatables(decoder *d)
{
    lua_State *L = d->L;
    for (uint32_t i = 1; i < d->metatable_count; i += 2) {
        (void)lua_rawgeti(L, d->metatables, i);
        (void)lua_rawgeti(L, d->metatables, i + 1);
        (void)lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
}

/* A global that the receiver has already stays, unless it is Lua's own that the sender replaced. */
static void set_globals(decoder *d)
{
    lua_State *L = d->L;
    for (uint32_t i = 1; i < d->global_count; i += 2) {
        lua_pushglobaltable(L);
        (void)lua_rawgeti(L, d->globals, i);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, -3);
        bool free = lua_isnil(L, -1) || crun__global_is_standard(L, lua_tostring(L, -2));
        lua_pop(L, 1);
        (void)lua_rawgeti(L, d->globals, i + 1);
        if (free)
            lua_rawset(L, -3);
        else
            lua_pop(L, 2);
        lua_pop(L, 1);
    }
}

static void read_objects(decoder *d)
{
    uint32_t next = 1;
    for (;;) {
        while (next <= d->count)
            read_contents(d, next++);
        unsigned mark = take_byte(d);
        if (mark == WIRE_END)
            break;
        if (mark != WIRE_DEFINE)
            crun__clone_bad(d, "something else than a global");
        read_definition(d);
    }
    if (rest(d) > 0)
        crun__clone_bad(d, "it goes on behind its end");
    if (d->count != d->declared)
        crun__clone_bad(d, "it has fewer objects than it says");
}

int crun__clone_decode(lua_State *L, const char *bytes, size_t size, const crun__clone *options)
{
    static const crun__clone none;
    decoder d = {.L = L, .options = options ? options : &none};
    d.at = (const uint8_t *)bytes;
    d.end = d.at + size;
    luaL_checkstack(L, 20, "too many values");
    read_header(&d);
    uint64_t count = take_count(&d);
    if (count > rest(&d))
        crun__clone_bad(&d, "it ends too early");
    make_tables(&d);
    luaL_checkstack(L, count < INT32_MAX / 2 ? (int)count + 20 : INT32_MAX / 2, "too many values");
    for (uint64_t i = 0; i < count; i++)
        crun__clone_read_value(&d);
    read_objects(&d);
    set_metatables(&d);
    set_globals(&d);
    for (int i = 0; i < 4; i++)
        lua_remove(L, d.list);
    return (int)count;
}
