/*
 * SPDX-License-Identifier: MIT
 *
 * Messages of nothing but nils, booleans, numbers and short strings: what most messages are. They
 * have no objects and name nothing, so that all the rest of making and reading one is not needed.
 * The bytes are the same.
 */
#include <string.h>

#include "lclone_wire.h"

enum { LEAST = 10 }; /* bytes that any value but a string fits in */

static uint8_t *put_number(uint8_t *at, uint64_t n)
{
    for (; n > 0x7f; n >>= 7)
        *at++ = (uint8_t)(n | 0x80);
    *at++ = (uint8_t)n;
    return at;
}

static uint8_t *put_integer(uint8_t *at, lua_Integer i)
{
    if (i >= 0 && i < WIRE_SMALL_COUNT) {
        *at++ = (uint8_t)(WIRE_SMALL + i);
        return at;
    }
    *at++ = WIRE_INTEGER;
    return put_number(at, (uint64_t)i << 1 ^ (i < 0 ? UINT64_MAX : 0));
}

static uint8_t *put_float(uint8_t *at, lua_Number n)
{
    *at++ = WIRE_FLOAT;
    memcpy(at, &n, sizeof n);
    return at + sizeof n;
}

/* NULL: it is too long. */
static uint8_t *put_string(lua_State *L, int index, uint8_t *at, const uint8_t *end)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (size >= CRUN__CLONE_LONG || size + 2 > (size_t)(end - at))
        return NULL;
    if (size < WIRE_SHORT_SIZES) {
        *at++ = (uint8_t)(WIRE_SHORT + size);
    } else {
        *at++ = WIRE_STRING;
        *at++ = (uint8_t)size;
    }
    memcpy(at, text, size);
    return at + size;
}

/* NULL: it is none of these, or has no room. */
static uint8_t *put_value(lua_State *L, int index, uint8_t *at, const uint8_t *end)
{
    int type = lua_type(L, index);
    if (type == LUA_TSTRING)
        return put_string(L, index, at, end);
    if (end - at < LEAST + 1)
        return NULL;
    switch (type) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return put_integer(at, lua_tointeger(L, index));
        return put_float(at, lua_tonumber(L, index));
    case LUA_TBOOLEAN:
        *at++ = lua_toboolean(L, index) ? WIRE_TRUE : WIRE_FALSE;
        return at;
    case LUA_TNIL:
        *at++ = WIRE_NIL;
        return at;
    default:
        return NULL;
    }
}

size_t crun__clone_flat(lua_State *L, int first, int count, char *bytes, size_t room)
{
    enum { HEAD = CRUN__CLONE_HEADER + sizeof(uint32_t) };
    uint8_t *start = (uint8_t *)bytes, *at = start + HEAD;
    const uint8_t *end = start + room - 1;
    if (room < HEAD + LEAST + 1)
        return 0;
    at = put_number(at, (uint64_t)count);
    for (int i = 0; i < count; i++) {
        at = put_value(L, first + i, at, end);
        if (!at)
            return 0;
    }
    *at++ = WIRE_END;
    static const uint8_t magic[] = {'c', 'r', 'n'};
    uint64_t size = (uint64_t)(at - start);
    memset(start, 0, HEAD);
    memcpy(start, magic, sizeof magic);
    start[3] = CRUN__CLONE_VERSION | (wire_order.first ? 0 : 0x80);
    memcpy(start + 4, &size, sizeof size);
    return (size_t)size;
}

/* --- reading: whatever is not as it should be is left to the decoder ----------------------- */

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static bool take_number(reader *r, uint64_t *out)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = n;
            return true;
        }
    }
    return false;
}

static bool push_string(lua_State *L, reader *r, uint64_t size)
{
    if (size > (size_t)(r->end - r->at))
        return false;
    lua_pushlstring(L, (const char *)r->at, (size_t)size);
    r->at += size;
    return true;
}

static bool push_float(lua_State *L, reader *r)
{
    lua_Number n;
    if ((size_t)(r->end - r->at) < sizeof n)
        return false;
    memcpy(&n, r->at, sizeof n);
    r->at += sizeof n;
    lua_pushnumber(L, n);
    return true;
}

static bool push_marked(lua_State *L, reader *r, unsigned mark)
{
    uint64_t n;
    switch (mark) {
    case WIRE_NIL:
        lua_pushnil(L);
        return true;
    case WIRE_FALSE:
    case WIRE_TRUE:
        lua_pushboolean(L, mark == WIRE_TRUE);
        return true;
    case WIRE_INTEGER:
        if (!take_number(r, &n))
            return false;
        lua_pushinteger(L, (lua_Integer)(n >> 1 ^ (0 - (n & 1))));
        return true;
    case WIRE_FLOAT:
        return push_float(L, r);
    case WIRE_STRING:
        return take_number(r, &n) && push_string(L, r, n);
    default:
        return false;
    }
}

static bool push_value(lua_State *L, reader *r)
{
    if (r->at == r->end)
        return false;
    unsigned mark = *r->at++;
    if (mark >= WIRE_SMALL)
        lua_pushinteger(L, mark - WIRE_SMALL);
    else if (mark >= WIRE_SHORT)
        return push_string(L, r, mark - WIRE_SHORT);
    else
        return push_marked(L, r, mark);
    return true;
}

int crun__clone_push_flat(lua_State *L, const char *bytes, size_t size)
{
    reader r = {(const uint8_t *)bytes, (const uint8_t *)bytes + size};
    static const uint32_t none = 0;
    uint64_t count;
    int top = lua_gettop(L);
    if (size < CRUN__CLONE_HEADER + sizeof none || crun__clone_size(bytes) != size ||
        memcmp(bytes + CRUN__CLONE_HEADER, &none, sizeof none) != 0)
        return -1;
    r.at += CRUN__CLONE_HEADER + sizeof none;
    if (!take_number(&r, &count) || count > size || !lua_checkstack(L, (int)count + 4))
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        if (!push_value(L, &r)) {
            lua_settop(L, top);
            return -1;
        }
    }
    if (r.end - r.at == 1 && *r.at == WIRE_END)
        return (int)count;
    lua_settop(L, top);
    return -1;
}
