/*
 * SPDX-License-Identifier: MIT
 *
 * The values of a Queue: anchored, copied for the host, handed from task to task.
 */
#include "lqueue.h"

int crun__queue_anchor(lua_State *L)
{
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, 1);
    }
    lua_pushvalue(L, 2);
    int key = luaL_ref(L, -2);
    lua_pop(L, 1);
    return key;
}

void crun__queue_unanchor(lua_State *L, int key, bool push)
{
    lua_getiuservalue(L, 1, 1);
    if (push)
        lua_rawgeti(L, -1, key);
    luaL_unref(L, push ? -2 : -1, key);
    if (push)
        lua_remove(L, -2);
    else
        lua_pop(L, 1);
}

void crun__queue_export(lua_State *L, crun_value *value)
{
    if (crun__value_read(L, 2, value))
        return;
    size_t size;
    if (lua_type(L, 2) == LUA_TLIGHTUSERDATA) {
        value->type = CRUN_POINTER;
        value->as.pointer = lua_touserdata(L, 2);
        return;
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_argerror(L, 2, lua_pushfstring(L, "a %s cannot be sent to C", luaL_typename(L, 2)));
    const char *data = lua_tolstring(L, 2, &size);
    value->type = CRUN_BYTES;
    value->as.bytes = crun_bytes_new(data, size);
    if (!value->as.bytes)
        luaL_error(L, "not enough memory");
}

static int to_string(lua_State *L)
{
    const crun_bytes *bytes = lua_touserdata(L, 1);
    lua_pushlstring(L, bytes->data, bytes->size);
    return 1;
}

/* The bytes are released even when there is no memory for the string. */
static void push_bytes(lua_State *L, crun_bytes *bytes)
{
    lua_pushcfunction(L, to_string);
    lua_pushlightuserdata(L, bytes);
    int status = lua_pcall(L, 1, 1, 0);
    crun_bytes_release(bytes);
    if (status != LUA_OK)
        lua_error(L);
}

void crun__queue_push(lua_State *L, const crun_value *value)
{
    if (crun__value_push(L, value))
        return;
    if (value->type == CRUN_HOST) {
        crun__queue_unanchor(L, (int)value->as.integer, true);
        return;
    }
    push_bytes(L, value->as.bytes);
}

/* --- values of tasks that wait ------------------------------------------------------------ */

/*
 * Nothing here may allocate: it runs on behalf of the other side. So bytes for a Lua task that
 * waits arrive as their address, with a second value below the top to tell (see fetch_given).
 */
void crun__queue_give(crun_wait *wait, const crun_value *value)
{
    lua_State *to = crun__ltask_where(crun__task_of_wait(wait));
    if (value->type == CRUN_HOST) {
        lua_xmove(value->as.pointer, to, 1);
    } else if (value->type == CRUN_BYTES) {
        lua_pushlightuserdata(to, value->as.bytes);
        lua_pushlightuserdata(to, CRUN__QUEUE_MARK);
    } else {
        crun__value_push(to, value);
    }
}

/* A key of the table, or bytes, are marked by a second value on top of them. */
void crun__queue_take(crun_wait *wait, crun_value *value)
{
    lua_State *from = crun__ltask_where(crun__task_of_wait(wait));
    if (crun__value_read(from, -1, value))
        return;
    if (lua_touserdata(from, -1) != CRUN__QUEUE_MARK) {
        value->type = CRUN_POINTER;
        value->as.pointer = lua_touserdata(from, -1);
    } else if (lua_isinteger(from, -2)) {
        value->type = CRUN_HOST;
        value->as.integer = lua_tointeger(from, -2);
    } else {
        value->type = CRUN_BYTES;
        value->as.bytes = lua_touserdata(from, -2);
    }
}
