/*
 * SPDX-License-Identifier: MIT
 *
 * The life of a message: its memory, the numbers of its objects, its bytes as pieces.
 */
#include <stdlib.h>

#include "lclone_encode.h"

enum { KEEP_BYTES = 1 << 16, KEEP_SLOTS = 256, KEEP_OBJECTS = 64 };

/* User values of a message; 1 is its objects. */
enum { WANTED = 2 };

static const char scratch_key; /* of the last message, in the registry */

static _Noreturn void no_memory(lua_State *L)
{
    luaL_error(L, "not enough memory");
    abort();
}

static void *grown(lua_State *L, void *block, size_t size)
{
    void *more = realloc(block, size);
    if (!more)
        no_memory(L);
    return more;
}

void crun__message_grow(crun__message *m, size_t size)
{
    size_t room = m->room + m->room / 2;
    room = (room < m->used + size ? m->used + size : room) + 64;
    m->bytes = grown(m->L, m->bytes, room);
    m->room = room;
}

static void grow_slots(crun__message *m)
{
    message_slot *old = m->slots;
    uint32_t old_room = m->slot_room;
    message_slot *slots = calloc((size_t)old_room * 2, sizeof *slots);
    if (!slots || old_room > UINT32_MAX / 4) {
        free(slots);
        no_memory(m->L);
    }
    m->slots = slots;
    m->slot_room = old_room * 2;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].pointer)
            *find(m, old[i].pointer) = old[i];
    free(old);
}

/* Half of the slots stay free. An upvalue takes one, too, but at least a byte of the message. */
void crun__message_enter(crun__message *m, const void *pointer, uint32_t id, uint32_t upvalue)
{
    message_slot *slot = find(m, pointer);
    *slot = (message_slot){pointer, id, upvalue};
    m->slots_used++;
    if (m->slots_used * 2 > m->slot_room)
        grow_slots(m);
}

/* Gives the value on top a number; NULL: its address says nothing. */
message_object *crun__message_object(crun__message *m, const void *pointer, bool has_fields)
{
    lua_State *L = m->L;
    if (m->count + 1 >= m->object_room) {
        if (m->object_room > FROM_GLOBAL / 2)
            luaL_error(L, "too many objects for one message");
        uint32_t room = m->object_room * 2;
        m->objects = grown(L, m->objects, room * sizeof *m->objects);
        m->object_room = room;
    }
    uint32_t id = m->count + 1;
    lua_pushvalue(L, -1);
    lua_rawseti(L, m->list, id);
    if (pointer)
        crun__message_enter(m, pointer, id, 0);
    m->count = id;
    m->objects[id] = (message_object){.from = m->from, .has_fields = has_fields};
    return &m->objects[id];
}

void crun__message_long(crun__message *m, const char *text, size_t size)
{
    if (m->long_count == m->long_room) {
        uint32_t room = m->long_room ? m->long_room * 2 : 8;
        m->longs = grown(m->L, m->longs, room * sizeof *m->longs);
        m->long_room = room;
    }
    m->longs[m->long_count++] = (message_long){m->used, m->count, text, size};
    m->long_size += size;
}

static int message_gc(lua_State *L)
{
    crun__message *m = lua_touserdata(L, 1);
    free(m->bytes);
    free(m->slots);
    free(m->objects);
    free(m->longs);
    memset(m, 0, sizeof *m);
    return 0;
}

static crun__message *new_message(lua_State *L)
{
    crun__message *m = lua_newuserdatauv(L, sizeof *m, WANTED);
    memset(m, 0, sizeof *m);
    if (luaL_newmetatable(L, "crun.message")) {
        lua_pushcfunction(L, message_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &scratch_key);
    return m;
}

/* Forgets what it holds, but not its memory unless that is much. */
static void empty(lua_State *L, int index, crun__message *m)
{
    if (m->count > KEEP_OBJECTS) {
        lua_createtable(L, KEEP_OBJECTS, 0);
        lua_setiuservalue(L, index, 1);
    } else if (m->count > 0) {
        (void)lua_getiuservalue(L, index, 1);
        for (uint32_t id = m->count; id > 0; id--) {
            lua_pushnil(L);
            lua_rawseti(L, -2, id);
        }
        lua_pop(L, 1);
    }
    if (m->slot_room > KEEP_SLOTS) {
        free(m->slots);
        m->slots = NULL;
        m->slot_room = 0;
    } else if (m->slots_used > 0) {
        memset(m->slots, 0, m->slot_room * sizeof *m->slots);
    }
    if (m->wanted_count > 0) {
        lua_pushnil(L);
        lua_setiuservalue(L, index, WANTED);
    }
    m->used = m->long_size = 0;
    m->count = m->slots_used = m->long_count = m->wanted_count = m->from = 0;
}

/* Pushes the last message of this state, or another one while that is in use. */
static crun__message *take_message(lua_State *L)
{
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &scratch_key);
    crun__message *m = lua_touserdata(L, -1);
    if (!m || m->busy) {
        lua_pop(L, 1);
        m = new_message(L);
        lua_createtable(L, 64, 0);
        lua_setiuservalue(L, -2, 1);
    }
    m->L = L;
    m->busy = true;
    m->fresh = m->forced = m->again = false;
    return m;
}

static void make_room(crun__message *m)
{
    enum { SLOTS = 64, OBJECTS = 32 };
    if (!m->slots) {
        m->slots = calloc(SLOTS, sizeof *m->slots);
        if (!m->slots)
            no_memory(m->L);
        m->slot_room = SLOTS;
    }
    if (!m->objects) {
        m->objects = grown(m->L, NULL, OBJECTS * sizeof *m->objects);
        m->object_room = OBJECTS;
    }
}

/* The tables that the message is made with, above the message on top. */
static void push_tables(crun__message *m)
{
    lua_State *L = m->L;
    m->list = lua_gettop(L) + 1;
    m->names = m->list + 1;
    m->wanted = m->list + 2;
    m->classes = m->list + 3;
    (void)lua_getiuservalue(L, -1, 1);
    crun__names_push(L);
    lua_pushnil(L);
    lua_pushnil(L);
}

/* The receiver has got the globals that were sent; they stay at hand for the case it has not. */
static void note_known(crun__message *m, int index)
{
    lua_State *L = m->L;
    if (!m->options->known || m->wanted_count == 0)
        return;
    for (uint32_t i = 1; i <= m->wanted_count; i++) {
        (void)lua_rawgeti(L, m->wanted, i);
        lua_pushboolean(L, true);
        lua_rawset(L, m->options->known);
    }
    lua_pushvalue(L, m->wanted);
    lua_setiuservalue(L, index, WANTED);
}

/* Needs no memory. */
void crun__message_unsent(lua_State *L, int index, int known)
{
    const crun__message *m = lua_touserdata(L, index);
    if (!known || m->wanted_count == 0)
        return;
    (void)lua_getiuservalue(L, index, WANTED);
    for (uint32_t i = 1; i <= m->wanted_count; i++) {
        (void)lua_rawgeti(L, -1, i);
        lua_pushnil(L);
        lua_rawset(L, known);
    }
    lua_pop(L, 1);
}

crun__message *crun__clone_encode(lua_State *L, int first, int count, const crun__clone *options)
{
    static const crun__clone none;
    luaL_checkstack(L, 20, "too many values");
    crun__message *m = take_message(L);
    int top = lua_gettop(L);
    m->options = options ? options : &none;
    m->first = first;
    m->values = count;
    lua_pushglobaltable(L);
    m->globals = lua_topointer(L, -1);
    lua_pop(L, 1);
    do {
        m->again = false;
        empty(L, top, m);
        make_room(m);
        push_tables(m);
        crun__clone_put_message(m);
        if (!m->again)
            note_known(m, top);
        lua_settop(L, top);
    } while (m->again);
    return m;
}

bool crun__message_piece(crun__message *m, size_t number, const char **bytes, size_t *size)
{
    size_t before = number / 2;
    if (before > m->long_count)
        return false;
    if (number % 2) {
        if (before == m->long_count)
            return false;
        *bytes = m->longs[before].text;
        *size = m->longs[before].size;
        return true;
    }
    size_t from = before ? m->longs[before - 1].at : 0;
    size_t to = before < m->long_count ? m->longs[before].at : m->used;
    *bytes = (const char *)m->bytes + from;
    *size = to - from;
    return true;
}

void crun__message_string(lua_State *L, int index)
{
    crun__message *m = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (m->long_count > 100000)
        luaL_error(L, "too many long strings for one message");
    luaL_checkstack(L, (int)m->long_count * 2 + 3, "too many long strings");
    (void)lua_getiuservalue(L, index, 1);
    int list = lua_gettop(L), count = 0;
    const char *bytes;
    size_t size;
    for (; crun__message_piece(m, (size_t)count, &bytes, &size); count++) {
        if (count % 2)
            (void)lua_rawgeti(L, list, m->longs[count / 2].id);
        else
            lua_pushlstring(L, bytes, size);
    }
    lua_concat(L, count);
    lua_remove(L, list);
}

void crun__message_release(lua_State *L, int index)
{
    crun__message *m = lua_touserdata(L, index);
    empty(L, lua_absindex(L, index), m);
    if (m->room > KEEP_BYTES) {
        free(m->bytes);
        m->bytes = NULL;
        m->room = 0;
    }
    if (m->object_room > KEEP_OBJECTS) {
        free(m->objects);
        m->objects = NULL;
        m->object_room = 0;
    }
    m->busy = false;
}
