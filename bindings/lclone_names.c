/*
 * SPDX-License-Identifier: MIT
 *
 * What travels by name: loaded modules, and what they hold. The index from such values to names is
 * kept between messages. An entry is checked when it is used; what is missing shows when something
 * that may have a name is not found, see crun__names_refresh.
 */
#include <string.h>

#include "lclone_wire.h"

static const char index_key;   /* of the index, in the registry */
static const char modules_key; /* of the fingerprint, in the index */

/*
 * A value with several names has the one of lowest rank, then the shortest, then the first by
 * bytes, so that it is the same one in every run.
 */
enum rank {
    RANK_MODULE = 1,
    RANK_STANDARD, /* print */
    RANK_MEMBER,
    RANK_INNER /* of a table in a module */
};

typedef struct name {
    int index; /* on the stack: the table of entries */
    int parts;
    struct {
        const char *text;
        size_t size;
    } part[WIRE_PARTS];
} name;

static void add_part(luaL_Buffer *b, const char *text, size_t size)
{
    for (size_t n = size;; n >>= 7) {
        luaL_addchar(b, (char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
        if (n <= 0x7f)
            break;
    }
    luaL_addlstring(b, text, size);
}

/* Whether the first of two entries is to be preferred. */
static bool better(lua_State *L, int a, int b)
{
    size_t a_size, b_size;
    const char *a_text = lua_tolstring(L, a, &a_size), *b_text = lua_tolstring(L, b, &b_size);
    if (a_text[0] != b_text[0])
        return a_text[0] < b_text[0];
    if (a_size != b_size)
        return a_size < b_size;
    return memcmp(a_text, b_text, a_size) < 0;
}

/* Gives the value on top that name, unless it has a better one. */
static void add(lua_State *L, const name *n, enum rank rank)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addchar(&b, (char)rank);
    luaL_addchar(&b, (char)WIRE_NAME);
    luaL_addchar(&b, (char)n->parts);
    for (int i = 0; i < n->parts; i++)
        add_part(&b, n->part[i].text, n->part[i].size);
    luaL_pushresult(&b);
    lua_pushvalue(L, -2);
    if (lua_rawget(L, n->index) == LUA_TNIL || better(L, -2, -1)) {
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_rawset(L, n->index);
    }
    lua_pop(L, 2);
}

static void set_part(lua_State *L, name *n, int part, int key)
{
    n->part[part].text = lua_tolstring(L, key, &n->part[part].size);
    n->parts = part + 1;
}

/* Whether the table on top has a key that starts with two underscores: a class, a metatable. */
static bool is_class(lua_State *L)
{
    bool found = false;
    for (lua_pushnil(L); !found && lua_next(L, -2); lua_pop(L, 1))
        found = lua_type(L, -2) == LUA_TSTRING && strncmp(lua_tostring(L, -2), "__", 2) == 0;
    if (found)
        lua_pop(L, 1);
    return found;
}

/*
 * Whether the table on top is more than data: it has a metatable, or it or a table in it holds a
 * function.
 */
static bool is_module(lua_State *L, int depth)
{
    if (lua_getmetatable(L, -1)) {
        lua_pop(L, 1);
        return true;
    }
    bool found = false;
    for (lua_pushnil(L); !found && lua_next(L, -2); lua_pop(L, 1))
        found =
            lua_isfunction(L, -1) || (depth > 0 && lua_istable(L, -1) && is_module(L, depth - 1));
    if (found)
        lua_pop(L, 1);
    return found;
}

/* Names the functions in the table on top, whose name has two parts. */
static void add_inner(lua_State *L, name *n)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isfunction(L, -1))
            continue;
        set_part(L, n, 2, -2);
        add(L, n, RANK_INNER);
    }
}

static bool is_globals(lua_State *L, int index)
{
    lua_pushglobaltable(L);
    bool same = lua_rawequal(L, index < 0 ? index - 1 : index, -1);
    lua_pop(L, 1);
    return same;
}

static void add_member(lua_State *L, name *n)
{
    if (lua_isfunction(L, -1) || lua_isuserdata(L, -1))
        add(L, n, RANK_MEMBER);
    if (!lua_istable(L, -1) || is_globals(L, -1)) /* the script's globals are no module's */
        return;
    if (is_class(L))
        add(L, n, RANK_MEMBER);
    add_inner(L, n);
}

/* Names the members of the module on top, a table. */
static void add_members(lua_State *L, name *n)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        set_part(L, n, 1, -2);
        add_member(L, n);
    }
}

/* Lua's own functions among the globals: other states have those, and nothing else for certain. */
static void add_globals(lua_State *L, name *n)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_iscfunction(L, -1))
            continue;
        set_part(L, n, 1, -2);
        if (crun__global_is_standard(L, n->part[1].text))
            add(L, n, RANK_STANDARD);
    }
}

/* Pushes the table of loaded modules. */
static void push_loaded(lua_State *L)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
}

static void add_modules(lua_State *L, int index)
{
    name n = {.index = index};
    luaL_checkstack(L, 20, "too many values");
    push_loaded(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        set_part(L, &n, 0, -2);
        if (is_globals(L, -1)) {
            add_globals(L, &n);
        } else if (lua_istable(L, -1)) {
            if (is_module(L, 1))
                add(L, &n, RANK_MODULE);
            add_members(L, &n);
        } else if (lua_isfunction(L, -1) || lua_isuserdata(L, -1)) {
            add(L, &n, RANK_MODULE);
        }
    }
    lua_pop(L, 1);
}

/* A number that changes when a module is loaded, replaced or forgotten. */
static lua_Unsigned fingerprint(lua_State *L)
{
    lua_Unsigned sum = 0;
    push_loaded(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_Unsigned x = (lua_Unsigned)(uintptr_t)lua_topointer(L, -1);
        sum += (x ^ x >> 29) * UINT64_C(0x9E3779B97F4A7C15) + 1;
    }
    lua_pop(L, 1);
    return sum;
}

static void make(lua_State *L, lua_Unsigned modules)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    add_modules(L, lua_gettop(L));
    lua_pushinteger(L, (lua_Integer)modules);
    lua_rawsetp(L, -2, &modules_key);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &index_key);
}

void crun__names_push(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &index_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    make(L, fingerprint(L));
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &index_key);
}

bool crun__names_refresh(lua_State *L, bool force)
{
    lua_Unsigned modules = fingerprint(L);
    crun__names_push(L);
    (void)lua_rawgetp(L, -1, &modules_key);
    bool same = (lua_Unsigned)lua_tointeger(L, -1) == modules;
    lua_pop(L, 2);
    if (same && !force)
        return false;
    make(L, modules);
    return true;
}

bool crun__name_holds(lua_State *L, int index)
{
    const uint8_t *at = (const uint8_t *)lua_tostring(L, -1) + 2;
    int top = lua_gettop(L);
    push_loaded(L);
    for (int parts = *at++; parts > 0; parts--) {
        size_t size = 0;
        for (int shift = 0;; shift += 7) {
            size |= (size_t)(*at & 0x7f) << shift;
            if (!(*at++ & 0x80))
                break;
        }
        if (!lua_istable(L, -1))
            break;
        lua_pushlstring(L, (const char *)at, size);
        (void)lua_rawget(L, -2);
        at += size;
    }
    bool same = lua_rawequal(L, index, -1);
    lua_settop(L, top);
    return same;
}

/* --- globals ------------------------------------------------------------------------------- */

static bool is_standard_name(const char *global)
{
    static const char *const names[] = {
        "_G",       "_VERSION",     "assert",   "collectgarbage", "coroutine",
        "debug",    "dofile",       "error",    "getmetatable",   "io",
        "ipairs",   "load",         "loadfile", "math",           "next",
        "os",       "package",      "pairs",    "pcall",          "print",
        "rawequal", "rawget",       "rawlen",   "rawset",         "require",
        "select",   "setmetatable", "string",   "table",          "tonumber",
        "tostring", "type",         "utf8",     "warn",           "xpcall",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(global, names[i]) == 0)
            return true;
    return false;
}

bool crun__global_is_standard(lua_State *L, const char *global)
{
    if (!is_standard_name(global))
        return false;
    if (lua_isstring(L, -1) || lua_iscfunction(L, -1))
        return true;
    push_loaded(L);
    lua_pushstring(L, global);
    (void)lua_rawget(L, -2);
    bool same = lua_rawequal(L, -1, -3);
    lua_pop(L, 2);
    return same;
}
