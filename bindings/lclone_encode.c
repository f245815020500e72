/* SPDX-License-Identifier: MIT */
#include "lclone_encode.h"

enum {
    PIECE_FROM = 1 << 16, /* bytes from which it is not copied */
    GAP = 16              /* so many nils in a sequence are sent as nils */
};

/* Whether it was there already; then its number is put. */
static inline bool put_again(crun__message *m, const void *pointer)
{
    const message_slot *slot = find(m, pointer);
    if (!slot->pointer)
        return false;
    put_byte(m, WIRE_AGAIN);
    put_count(m, slot->id);
    return true;
}

/* --- values: each takes the value on top --------------------------------------------------- */

static void put_value(crun__message *m);

static void put_integer(crun__message *m, lua_Integer i)
{
    if (i >= 0 && i < WIRE_SMALL_COUNT) {
        put_byte(m, WIRE_SMALL + (unsigned)i);
        return;
    }
    put_byte(m, WIRE_INTEGER);
    put_count(m, (uint64_t)i << 1 ^ (i < 0 ? UINT64_MAX : 0));
}

static void put_float(crun__message *m, lua_Number n)
{
    put_byte(m, WIRE_FLOAT);
    put_bytes(m, &n, sizeof n);
}

static void put_string(crun__message *m)
{
    size_t size;
    const char *text = lua_tolstring(m->L, -1, &size);
    if (size < WIRE_SHORT_SIZES) {
        uint8_t *at = reserve(m, size + 1);
        at[0] = (uint8_t)(WIRE_SHORT + size);
        memcpy(at + 1, text, size);
        m->used += size + 1;
    } else if (size < CRUN__CLONE_LONG) {
        put_byte(m, WIRE_STRING);
        put_sized(m, text, size);
    } else if (!put_again(m, text)) {
        (void)crun__message_object(m, text, false);
        put_byte(m, WIRE_LONG);
        put_count(m, size);
        if (size >= PIECE_FROM)
            crun__message_long(m, text, size);
        else
            put_bytes(m, text, size);
    }
}

/*
 * Looks whether modules have been loaded since the index was made, before a value counts as one
 * without name. If so, everything is done anew: what was sent as a table may be a module.
 */
static bool renew_names(crun__message *m, bool force)
{
    if (m->again || m->forced || (m->fresh && !force))
        return m->again;
    m->again = crun__names_refresh(m->L, force);
    m->fresh = true;
    m->forced = force;
    return m->again;
}

/* Puts the name of the value on top, if it has one. */
static bool put_name(crun__message *m, const void *pointer)
{
    lua_State *L = m->L;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, m->names) != LUA_TSTRING) {
        lua_pop(L, 1);
        return false;
    }
    if (!crun__name_holds(L, lua_gettop(L) - 1)) {
        lua_pop(L, 1);
        (void)renew_names(m, true);
        return false;
    }
    size_t size;
    const char *entry = lua_tolstring(L, -1, &size);
    put_bytes(m, entry + 1, size - 1);
    lua_pop(L, 1);
    (void)crun__message_object(m, pointer, false);
    return true;
}

void crun__clone_put_room(crun__message *m, const void *pointer)
{
    message_object *o = crun__message_object(m, pointer, true);
    o->room_at = m->used;
    memset(reserve(m, WIRE_ROOM), 0, WIRE_ROOM);
    m->used += WIRE_ROOM;
}

static void put_table(crun__message *m)
{
    const void *pointer = lua_topointer(m->L, -1);
    if (pointer == m->globals) {
        put_byte(m, WIRE_GLOBALS);
    } else if (!put_again(m, pointer) && !put_name(m, pointer)) {
        put_byte(m, WIRE_TABLE);
        crun__clone_put_room(m, pointer);
    }
}

/* The value on top has no name, unless it got one after the index was made. */
static void refuse(crun__message *m)
{
    if (!renew_names(m, true))
        crun__clone_refuse(m);
}

static void put_function(crun__message *m)
{
    const void *pointer = lua_topointer(m->L, -1);
    if (put_again(m, pointer) || put_name(m, pointer))
        return;
    if (lua_iscfunction(m->L, -1)) {
        refuse(m);
    } else if (!renew_names(m, false)) {
        put_byte(m, WIRE_FUNCTION);
        (void)crun__message_object(m, pointer, true);
        crun__clone_put_code(m);
    }
}

/* --- userdata ------------------------------------------------------------------------------ */

static bool put_reference(crun__message *m, const void *pointer)
{
    lua_State *L = m->L;
    if (!m->options->refer || !m->options->refer(L, m->options->context))
        return false;
    size_t size;
    const char *text = luaL_checklstring(L, -1, &size);
    put_byte(m, WIRE_REFERENCE);
    put_sized(m, text, size);
    lua_pop(L, 1);
    (void)crun__message_object(m, pointer, false);
    return true;
}

/* A light userdata is a mere number, which may be the address of something else. */
static void put_userdata(crun__message *m)
{
    const void *pointer = lua_touserdata(m->L, -1);
    if (lua_islightuserdata(m->L, -1)) {
        if (!put_name(m, NULL))
            refuse(m);
    } else if (!put_again(m, pointer) && !put_name(m, pointer) && !put_reference(m, pointer)) {
        refuse(m);
    }
}

static void put_value(crun__message *m)
{
    lua_State *L = m->L;
    switch (lua_type(L, -1)) {
    case LUA_TNIL:
        put_byte(m, WIRE_NIL);
        break;
    case LUA_TBOOLEAN:
        put_byte(m, lua_toboolean(L, -1) ? WIRE_TRUE : WIRE_FALSE);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            put_integer(m, lua_tointeger(L, -1));
        else
            put_float(m, lua_tonumber(L, -1));
        break;
    case LUA_TSTRING:
        put_string(m);
        break;
    case LUA_TTABLE:
        put_table(m);
        break;
    case LUA_TFUNCTION:
        put_function(m);
        break;
    case LUA_TUSERDATA:
    case LUA_TLIGHTUSERDATA:
        put_userdata(m);
        break;
    default:
        refuse(m);
    }
    lua_pop(L, 1);
}

/* --- what is in objects -------------------------------------------------------------------- */

/*
 * The object `id` with the metatable on top: of one that is nothing anywhere else the class says
 * so, in the words of an error.
 */
static void check_class(crun__message *m, uint32_t id)
{
    lua_State *L = m->L;
    lua_pushliteral(L, "__unsendable");
    if (lua_rawget(L, -2) != LUA_TSTRING) {
        lua_pop(L, 1);
        return;
    }
    m->from = m->objects[id].from;
    (void)lua_rawgeti(L, m->list, id);
    refuse(m);
    lua_pop(L, 2);
}

/* The metatable on top, of object `id`. */
static void put_metatable(crun__message *m, uint32_t id)
{
    const void *pointer = lua_topointer(m->L, -1);
    put_byte(m, WIRE_META);
    if (pointer == m->globals) {
        put_byte(m, WIRE_GLOBALS);
    } else if (!put_again(m, pointer)) {
        check_class(m, id);
        if (!put_name(m, pointer) && !renew_names(m, false) && !crun__clone_put_class(m, pointer))
            put_table(m);
    }
    lua_pop(m->L, 1);
}

/*
 * The field whose key and value are on top continues the sequence: `next` is the next index. Holes
 * are filled with nils as far as the length operator sees them in the original.
 */
static bool put_element(crun__message *m, int table, lua_Integer *next)
{
    lua_State *L = m->L;
    if (!lua_isinteger(L, -2))
        return false;
    lua_Integer key = lua_tointeger(L, -2);
    if (key < *next || key - *next > GAP + *next)
        return false;
    if (key > *next && (lua_Unsigned)key > lua_rawlen(L, table))
        return false;
    for (; *next < key; ++*next)
        put_byte(m, WIRE_NIL);
    ++*next;
    put_value(m);
    return true;
}

static void put_fields(crun__message *m, uint32_t id)
{
    lua_State *L = m->L;
    int table = lua_gettop(L);
    lua_Integer next = 1;
    uint64_t pairs = 0;
    for (lua_pushnil(L); lua_next(L, table);) {
        if (pairs == 0 && put_element(m, table, &next))
            continue;
        if (pairs++ == 0)
            put_byte(m, WIRE_PAIRS);
        lua_pushvalue(L, -2);
        put_value(m);
        put_value(m);
    }
    if (next - 1 > UINT32_MAX)
        luaL_error(L, "a table is too long for a message");
    if (lua_getmetatable(L, table))
        put_metatable(m, id);
    put_byte(m, WIRE_END);
    uint32_t length = (uint32_t)(next - 1);
    uint8_t *room = m->bytes + m->objects[id].room_at;
    memcpy(room, &length, sizeof length);
    room[sizeof length] = (uint8_t)wire_class(pairs);
}

static void put_upvalues(crun__message *m, uint32_t id)
{
    lua_State *L = m->L;
    for (int n = 1; lua_getupvalue(L, -1, n); n++) {
        const void *variable = lua_upvalueid(L, -2, n);
        const message_slot *slot = find(m, variable);
        if (slot->pointer) {
            put_byte(m, WIRE_JOIN);
            put_count(m, slot->id);
            put_byte(m, slot->upvalue);
            lua_pop(L, 1);
        } else {
            crun__message_enter(m, variable, id, (uint32_t)n);
            put_value(m);
        }
    }
}

static void put_contents(crun__message *m, uint32_t id)
{
    if (!m->objects[id].has_fields)
        return;
    m->from = id;
    if (lua_rawgeti(m->L, m->list, id) == LUA_TTABLE)
        put_fields(m, id);
    else
        put_upvalues(m, id);
    lua_pop(m->L, 1);
}

static void put_definition(crun__message *m, uint32_t number)
{
    lua_State *L = m->L;
    m->from = FROM_GLOBAL | number;
    lua_pushglobaltable(L);
    (void)lua_rawgeti(L, m->wanted, number);
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    put_byte(m, WIRE_DEFINE);
    put_sized(m, name, size);
    (void)lua_rawget(L, -2);
    put_value(m);
    lua_pop(L, 1);
}

/* --- messages ------------------------------------------------------------------------------ */

static void put_header(crun__message *m)
{
    uint64_t size = 0;
    put_bytes(m, WIRE_MAGIC, 3);
    put_byte(m, CRUN__CLONE_VERSION | (wire_order.first ? 0 : 0x80));
    put_bytes(m, &size, sizeof size);
    put_bytes(m, &m->count, sizeof m->count);
    put_count(m, (uint64_t)m->values);
}

void crun__clone_put_message(crun__message *m)
{
    put_header(m);
    for (int i = 0; i < m->values; i++) {
        lua_pushvalue(m->L, m->first + i);
        put_value(m);
    }
    uint32_t next = 1, defined = 0;
    while (!m->again) {
        if (next <= m->count)
            put_contents(m, next++);
        else if (defined < m->wanted_count)
            put_definition(m, ++defined);
        else
            break;
    }
    put_byte(m, WIRE_END);
    uint64_t size = m->used + m->long_size;
    memcpy(m->bytes + 4, &size, sizeof size);
    memcpy(m->bytes + 4 + sizeof size, &m->count, sizeof m->count);
}
