/*
 * SPDX-License-Identifier: MIT
 *
 * Says where a value is that cannot be sent: `args[2].handlers.on_open: userdata cannot be sent`,
 * or "upvalue 'pool.sock' (userdata) of function at scan.lua:12 cannot be sent to a process".
 *
 * The encoder only notes by which object each object was met first. The way from there is found
 * again by looking for the value in it, which costs nothing unless there is an error.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lclone_encode.h"

enum { STEPS = 16 }; /* a longer path is shortened in the middle */

/* What a path starts with. */
enum start { START_ARGUMENT, START_UPVALUE, START_GLOBAL };

static bool is_name(const char *text, size_t size)
{
    if (size == 0 || size > 60 || isdigit((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return true;
}

/* Pushes how the key at the index is written: .name, [1], ["a b"], [table]. */
static void push_key(lua_State *L, int key)
{
    size_t size;
    switch (lua_type(L, key)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, key, &size);
        if (is_name(text, size))
            lua_pushfstring(L, ".%s", text);
        else if (size <= 40)
            lua_pushfstring(L, "[\"%s\"]", text);
        else
            lua_pushliteral(L, "[a long string]");
        break;
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, key))
            lua_pushfstring(L, "[%I]", lua_tointeger(L, key));
        else
            lua_pushfstring(L, "[%f]", lua_tonumber(L, key));
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, key) ? "[true]" : "[false]");
        break;
    default:
        lua_pushfstring(L, "[%s]", luaL_typename(L, key));
    }
}

/* Pushes the way from the table at the index to the value at the other one. */
static void push_field(lua_State *L, int table, int value)
{
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_rawequal(L, -1, value)) {
            push_key(L, lua_absindex(L, -2));
            return;
        }
        if (lua_rawequal(L, -2, value)) {
            lua_pushfstring(L, ".<key>");
            return;
        }
    }
    lua_pushliteral(L, ".<metatable>");
}

/* Pushes the name of the variable of the function that has the value. */
static void push_variable(lua_State *L, int function, int value)
{
    const char *name;
    for (int n = 1; (name = lua_getupvalue(L, function, n)); n++) {
        if (lua_rawequal(L, -1, value)) {
            if (*name == '(' || !*name) /* of stripped bytecode */
                lua_pushfstring(L, "#%d", n);
            else
                lua_pushstring(L, name);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pushliteral(L, "?");
}

/* Pushes "scan.lua:12" of the function at the index. */
static void push_place(lua_State *L, int function)
{
    lua_Debug ar;
    lua_pushvalue(L, function);
    (void)lua_getinfo(L, ">S", &ar);
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
}

typedef struct path {
    lua_State *L;
    crun__message *m;
    int text;  /* on the stack: the path behind its start */
    int value; /* what it leads to from here */
    int owner; /* the function that has or uses the variable */
    int steps;
} path;

/* Puts the text on top before the path. */
static void prepend(path *p)
{
    lua_State *L = p->L;
    p->steps++;
    if (p->steps > STEPS) {
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, p->text);
    lua_concat(L, 2);
    lua_replace(L, p->text);
}

/* One object on: `from` is its number. True at the path's start. */
static bool step(path *p, uint32_t from)
{
    lua_State *L = p->L;
    int top = lua_gettop(L);
    bool end = lua_rawgeti(L, p->m->list, from) != LUA_TTABLE;
    if (end) {
        push_variable(L, top + 1, p->value);
        p->steps = 0;
        prepend(p);
        lua_copy(L, top + 1, p->owner);
    } else {
        push_field(L, top + 1, p->value);
        prepend(p);
    }
    lua_copy(L, top + 1, p->value);
    lua_settop(L, top);
    return end;
}

static void start_global(path *p, uint32_t from)
{
    lua_State *L = p->L;
    (void)lua_rawgeti(L, p->m->wanted, from & ~FROM_GLOBAL);
    p->steps = 0;
    prepend(p);
    (void)lua_rawgeti(L, p->m->wanted, -(lua_Integer)(from & ~FROM_GLOBAL));
    (void)lua_rawgeti(L, p->m->list, lua_tointeger(L, -1));
    lua_replace(L, p->owner);
    lua_pop(L, 1);
}

static void start_argument(path *p)
{
    lua_State *L = p->L;
    const char *root = p->m->options->root ? p->m->options->root : "args";
    int i = 0;
    while (i < p->m->values - 1 && !lua_rawequal(L, p->m->first + i, p->value))
        i++;
    const char *first = p->m->options->first;
    if (first && i == 0)
        lua_pushstring(L, first);
    else
        lua_pushfstring(L, "%s[%d]", root, first ? i : i + 1);
    p->steps = 0;
    prepend(p);
}

static enum start find_start(path *p)
{
    uint32_t from = p->m->from;
    while (from != 0) {
        if (from & FROM_GLOBAL) {
            start_global(p, from);
            return START_GLOBAL;
        }
        if (step(p, from))
            return START_UPVALUE;
        if (p->steps == STEPS) {
            lua_pushliteral(p->L, " ... ");
            lua_pushvalue(p->L, p->text);
            lua_concat(p->L, 2);
            lua_replace(p->L, p->text);
        }
        from = p->m->objects[from].from;
    }
    start_argument(p);
    return START_ARGUMENT;
}

/* What the value at the index is, in the words of an error. Those of a table are below it. */
static const char *kind(lua_State *L, int index)
{
    if (lua_isfunction(L, index))
        return "a C function that no loaded module has";
    if (lua_islightuserdata(L, index))
        return "light userdata";
    if (lua_istable(L, index) && lua_isstring(L, index - 1))
        return lua_tostring(L, index - 1);
    if (luaL_getmetafield(L, index, "__name") == LUA_TNIL)
        return luaL_typename(L, index);
    const char *name = lua_tostring(L, -1);
    lua_pop(L, 1);
    return name && strncmp(name, "crun.", 5) == 0 ? name : luaL_typename(L, index);
}

void crun__clone_refuse(crun__message *m)
{
    lua_State *L = m->L;
    luaL_checkstack(L, 20, "too many values");
    const char *what = kind(L, -1), *to = m->options->to ? m->options->to : "";
    const char *space = *to ? " " : "";
    int value = lua_gettop(L);
    path p = {L, m, value + 1, value, value + 2, 0};
    lua_pushliteral(L, "");
    lua_pushnil(L);
    enum start start = find_start(&p);
    const char *text = lua_tostring(L, p.text);
    if (start == START_ARGUMENT)
        luaL_error(L, "%s: %s cannot be sent%s%s", text, what, space, to);
    if (start == START_GLOBAL && !lua_isfunction(L, p.owner))
        luaL_error(L, "global '%s' (%s) cannot be sent%s%s", text, what, space, to);
    push_place(L, p.owner);
    luaL_error(L, "%s '%s' (%s) %s function at %s cannot be sent%s%s",
               start == START_GLOBAL ? "global" : "upvalue", text, what,
               start == START_GLOBAL ? "used by" : "of", lua_tostring(L, -1), space, to);
    abort();
}
