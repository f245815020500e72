/*
 * SPDX-License-Identifier: MIT
 *
 * Reading values, and what is in tables and functions.
 */
#include "lclone_decode.h"

/* Gives the value on top the next number. */
static object *add_object(decoder *d)
{
    if (d->count == d->declared)
        crun__clone_bad(d, "it has more objects than it says");
    d->count++;
    lua_pushvalue(d->L, -1);
    lua_rawseti(d->L, d->list, d->count);
    d->objects[d->count] = (object){0, 0, WIRE_NIL};
    return &d->objects[d->count];
}

/* --- tables -------------------------------------------------------------------------------- */

/* Fewer bytes than these will not hold what a table of that size contains. */
static uint64_t least_size(const object *o)
{
    return (uint64_t)o->length + 2 * wire_class_least(o->class) + 1;
}

/*
 * Reads the room of a table. All tables that are still to be filled must find their contents in the
 * rest of the message; and what has been filled did take its bytes. So all rooms together are not
 * larger than the message, but for the tables at its end and the one that is being read.
 */
static object take_room(decoder *d)
{
    object o = {.kind = WIRE_TABLE};
    memcpy(&o.length, take(d, sizeof o.length), sizeof o.length);
    o.class = (uint8_t)take_byte(d);
    if (o.class > 31 || o.length > INT32_MAX)
        crun__clone_bad(d, "the size of a table is wrong");
    d->promised += least_size(&o);
    if (d->promised > rest(d))
        crun__clone_bad(d, "a table does not fit into it");
    return o;
}

static void push_table(decoder *d, const object *o)
{
    lua_createtable(d->L, (int)o->length, o->class ? (int)(1U << (o->class - 1)) : 0);
}

static void read_table(decoder *d)
{
    object o = take_room(d);
    push_table(d, &o);
    *add_object(d) = o;
}

/* Pushes a global of the receiver; returns its type. */
static int push_global(decoder *d, const char *name, size_t size)
{
    lua_pushglobaltable(d->L);
    lua_pushlstring(d->L, name, size);
    int type = lua_rawget(d->L, -2);
    lua_remove(d->L, -2);
    return type;
}

/* The receiver's own class stands for the one sent, whose contents then go nowhere. */
static void read_class(decoder *d)
{
    size_t size;
    const char *name = take_sized(d, &size);
    object o = take_room(d);
    bool own = push_global(d, name, size) == LUA_TTABLE;
    if (!own) {
        lua_pop(d->L, 1);
        push_table(d, &o);
    }
    *add_object(d) = o;
    if (own) {
        lua_newtable(d->L);
        lua_rawseti(d->L, d->list, -(lua_Integer)d->count);
    }
}

static void read_known(decoder *d)
{
    size_t size;
    const char *name = take_sized(d, &size);
    if (push_global(d, name, size) == LUA_TNIL)
        luaL_error(d->L, "bad message: there is no global '%s'", lua_pushlstring(d->L, name, size));
    (void)add_object(d);
}

/* The key and value on top go into the table at the index. */
static void set_pair(decoder *d, int table)
{
    lua_State *L = d->L;
    if (lua_isnil(L, -2))
        crun__clone_bad(d, "nil as a key");
    if (lua_type(L, -2) == LUA_TNUMBER && !lua_isinteger(L, -2) &&
        lua_tonumber(L, -2) != lua_tonumber(L, -2))
        crun__clone_bad(d, "NaN as a key");
    lua_rawset(L, table);
}

static void read_metatable(decoder *d, int table)
{
    lua_State *L = d->L;
    if (lua_isnil(L, d->metatables)) {
        lua_newtable(L);
        lua_replace(L, d->metatables);
    }
    lua_pushvalue(L, table);
    lua_rawseti(L, d->metatables, ++d->metatable_count);
    crun__clone_read_value(d);
    if (!lua_istable(L, -1))
        crun__clone_bad(d, "a metatable that is no table");
    lua_rawseti(L, d->metatables, ++d->metatable_count);
}

/* Reads the pairs, up to the mark that follows them. */
static uint64_t read_pairs(decoder *d, int table)
{
    uint64_t pairs = 0;
    for (; rest(d) && *d->at != WIRE_END && *d->at != WIRE_META; pairs++) {
        crun__clone_read_value(d);
        crun__clone_read_value(d);
        set_pair(d, table);
    }
    return pairs;
}

void crun__clone_read_fields(decoder *d, uint32_t id)
{
    lua_State *L = d->L;
    const object o = d->objects[id];
    int table = lua_gettop(L);
    d->promised -= least_size(&o);
    for (uint32_t i = 1; i <= o.length; i++) {
        crun__clone_read_value(d);
        lua_rawseti(L, table, i);
    }
    uint64_t pairs = 0;
    unsigned mark = take_byte(d);
    if (mark == WIRE_PAIRS) {
        pairs = read_pairs(d, table);
        mark = take_byte(d);
    }
    if (mark == WIRE_META) {
        read_metatable(d, table);
        mark = take_byte(d);
    }
    if (mark != WIRE_END || wire_class(pairs) != o.class)
        crun__clone_bad(d, "a table is longer or shorter than it says");
}

/* --- functions ----------------------------------------------------------------------------- */

static void read_function(decoder *d)
{
    lua_State *L = d->L;
    uint32_t size;
    uint64_t seal;
    memcpy(&size, take(d, sizeof size), sizeof size);
    memcpy(&seal, take(d, sizeof seal), sizeof seal);
    const uint8_t *code = take(d, size);
    if (!crun__clone_sealed(code, size, seal))
        crun__clone_bad(d, "a function that no process of this program has sent");
    int status = luaL_loadbufferx(L, (const char *)code, size, "=clone", "b");
    if (status == LUA_ERRMEM)
        lua_error(L);
    if (status != LUA_OK)
        luaL_error(L, "bad message: %s", lua_tostring(L, -1));
    lua_Debug ar;
    lua_pushvalue(L, -1);
    (void)lua_getinfo(L, ">u", &ar);
    *add_object(d) = (object){ar.nups, 0, WIRE_FUNCTION};
}

/* The variable number `n` of the function on top is one of another function, too. */
static void join_upvalue(decoder *d, int n)
{
    lua_State *L = d->L;
    (void)take_byte(d);
    uint64_t id = take_count(d);
    unsigned other = take_byte(d);
    if (id == 0 || id > d->count || d->objects[id].kind != WIRE_FUNCTION || other == 0 ||
        other > d->objects[id].length)
        crun__clone_bad(d, "a variable that is not there");
    (void)lua_rawgeti(L, d->list, (lua_Integer)id);
    lua_upvaluejoin(L, -2, n, -1, (int)other);
    lua_pop(L, 1);
}

void crun__clone_read_upvalues(decoder *d, uint32_t id)
{
    int count = (int)d->objects[id].length;
    for (int n = 1; n <= count; n++) {
        if (rest(d) && *d->at == WIRE_JOIN) {
            join_upvalue(d, n);
        } else {
            crun__clone_read_value(d);
            (void)lua_setupvalue(d->L, -2, n);
        }
    }
}

/* --- names --------------------------------------------------------------------------------- */

/* Pushes a module, which is loaded if need be. */
static void push_module(decoder *d)
{
    lua_State *L = d->L;
    push_sized(d);
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        if (push_global(d, "require", 7) != LUA_TFUNCTION)
            crun__clone_bad(d, "a module, and no function 'require'");
        lua_pushvalue(L, -3);
        lua_call(L, 1, 1);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static void read_name(decoder *d)
{
    lua_State *L = d->L;
    unsigned parts = take_byte(d);
    if (parts == 0 || parts > WIRE_PARTS)
        crun__clone_bad(d, "a name is too long");
    push_module(d);
    for (; parts > 1; parts--) {
        push_sized(d);
        if (!lua_istable(L, -2))
            crun__clone_bad(d, "a member of something that is no table");
        lua_pushvalue(L, -1);
        if (lua_gettable(L, -3) == LUA_TNIL) /* one that is loaded when it is asked for, too */
            luaL_error(L, "bad message: there is no '%s' in a module here", lua_tostring(L, -2));
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    (void)add_object(d);
}

static void read_reference(decoder *d)
{
    lua_State *L = d->L;
    push_sized(d);
    if (!d->options->resolve || !d->options->resolve(L, d->options->context))
        crun__clone_bad(d, "a reference that means nothing here");
    lua_remove(L, -2);
    (void)add_object(d);
}

/* --- values: each is pushed ---------------------------------------------------------------- */

static void read_integer(decoder *d)
{
    uint64_t n = take_count(d);
    lua_pushinteger(d->L, (lua_Integer)(n >> 1 ^ (0 - (n & 1))));
}

static void read_float(decoder *d)
{
    lua_Number n;
    memcpy(&n, take(d, sizeof n), sizeof n);
    lua_pushnumber(d->L, n);
}

static void read_again(decoder *d)
{
    uint64_t id = take_count(d);
    if (id == 0 || id > d->count)
        crun__clone_bad(d, "an object that is not there");
    (void)lua_rawgeti(d->L, d->list, (lua_Integer)id);
}

static void read_long(decoder *d)
{
    push_sized(d);
    (void)add_object(d);
}

static void read_marked(decoder *d, unsigned mark)
{
    switch (mark) {
    case WIRE_NIL:
        lua_pushnil(d->L);
        return;
    case WIRE_FALSE:
    case WIRE_TRUE:
        lua_pushboolean(d->L, mark == WIRE_TRUE);
        return;
    case WIRE_INTEGER:
        read_integer(d);
        return;
    case WIRE_FLOAT:
        read_float(d);
        return;
    case WIRE_STRING:
        push_sized(d);
        return;
    case WIRE_LONG:
        read_long(d);
        return;
    case WIRE_TABLE:
        read_table(d);
        return;
    case WIRE_FUNCTION:
        read_function(d);
        return;
    case WIRE_AGAIN:
        read_again(d);
        return;
    case WIRE_NAME:
        read_name(d);
        return;
    case WIRE_GLOBALS:
        lua_pushglobaltable(d->L);
        return;
    case WIRE_CLASS:
        read_class(d);
        return;
    case WIRE_KNOWN:
        read_known(d);
        return;
    case WIRE_REFERENCE:
        read_reference(d);
        return;
    default:
        crun__clone_bad(d, "a value of no known kind");
    }
}

void crun__clone_read_value(decoder *d)
{
    unsigned mark = take_byte(d);
    if (mark >= WIRE_SMALL)
        lua_pushinteger(d->L, mark - WIRE_SMALL);
    else if (mark >= WIRE_SHORT)
        lua_pushlstring(d->L, (const char *)take(d, mark - WIRE_SHORT), mark - WIRE_SHORT);
    else
        read_marked(d, mark);
}
