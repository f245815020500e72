/*
 * SPDX-License-Identifier: MIT
 *
 * net.connect, net.listen, and Listener. The rest of module net is in Lua.
 *
 * The object is made before the operation begins, so that what the operation brings always has a
 * place.
 */
#include <string.h>

#include "lstream.h"

/* --- arguments ---------------------------------------------------------------------------- */

static int bad_option(lua_State *L, const char *name, const char *expected)
{
    const char *got = luaL_typename(L, -1);
    return luaL_argerror(
        L, 3, lua_pushfstring(L, "option '%s': %s expected, got %s", name, expected, got));
}

/* Leaves the option on the stack for messages; returns whether it is there. */
static bool has_option(lua_State *L, const char *name)
{
    return lua_getfield(L, 3, name) != LUA_TNIL;
}

static bool option_boolean(lua_State *L, const char *name, bool absent)
{
    bool value = absent;
    if (has_option(L, name)) {
        if (!lua_isboolean(L, -1))
            bad_option(L, name, "boolean");
        value = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return value;
}

static int option_integer(lua_State *L, const char *name, int most, const char *expected)
{
    int is_integer;
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    if (lua_type(L, -1) != LUA_TNUMBER || !is_integer || value < 1 || value > most)
        bad_option(L, name, expected);
    return (int)value;
}

static void option_keepalive(lua_State *L, crun_tcp_options *options)
{
    if (has_option(L, "keepalive") && (!lua_isboolean(L, -1) || lua_toboolean(L, -1)))
        options->keepalive =
            (unsigned)option_integer(L, "keepalive", 32767, "1 to 32767 seconds or false");
    lua_pop(L, 1);
}

static crun_time option_timeout(lua_State *L)
{
    has_option(L, "timeout");
    if (!lua_isnil(L, -1) &&
        (lua_type(L, -1) != LUA_TNUMBER || lua_tonumber(L, -1) != lua_tonumber(L, -1)))
        bad_option(L, "timeout", "seconds");
    crun_time deadline = crun__lua_deadline(L, -1);
    lua_pop(L, 1);
    return deadline;
}

/* The options at index 3, which may be absent. Returns the deadline. */
static crun_time get_options(lua_State *L, const char *const *known, crun_tcp_options *options)
{
    if (lua_isnoneornil(L, 3))
        return CRUN_FOREVER;
    crun__lua_checkoptions(L, 3, known);
    options->nodelay = option_boolean(L, "nodelay", true);
    options->reuseport = option_boolean(L, "reuseport", false);
    options->ipv6only = option_boolean(L, "ipv6only", false);
    option_keepalive(L, options);
    if (has_option(L, "backlog"))
        options->backlog = option_integer(L, "backlog", 1 << 30, "a number of connections >= 1");
    lua_pop(L, 1);
    return option_timeout(L);
}

static const char *get_host(lua_State *L)
{
    size_t size;
    if (lua_type(L, 1) != LUA_TSTRING)
        luaL_typeerror(L, 1, "string");
    const char *host = lua_tolstring(L, 1, &size);
    luaL_argcheck(L, size > 0, 1, "a host expected, got an empty string");
    luaL_argcheck(L, strlen(host) == size, 1, "a host contains no zero bytes");
    return host;
}

static int get_port(lua_State *L, int least)
{
    lua_Integer port = luaL_checkinteger(L, 2);
    if (port < least || port > 65535)
        luaL_argerror(L, 2, lua_pushfstring(L, "a port from %d to 65535 expected", least));
    return (int)port;
}

/* --- connect and listen ------------------------------------------------------------------- */

/* The object is on top; opening it is over. */
static int opened(lua_State *L, int rc)
{
    const lstream *s = lua_touserdata(L, -1);
    if (rc >= 0)
        rc = s->opened.code;
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

static int open_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return opened(L, rc);
}

/* connect(host, port [, options]) -> Stream | nil, message, code. Waits. */
static int l_connect(lua_State *L)
{
    static const char *const known[] = {"timeout", "nodelay", "keepalive", NULL};
    crun_tcp_options options = CRUN_TCP_OPTIONS_INIT;
    const char *host = get_host(L);
    int port = get_port(L, 1);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = get_options(L, known, &options);
    lstream *s = crun__object_new(L, &crun__stream_class);
    int rc = crun__connect_begin(crun__hub, self, host, port, &options, &s->opened);
    if (rc == 0)
        return crun__lstream_park(L, self, deadline, 0, open_finish);
    return opened(L, rc);
}

/* listen(host, port [, options]) -> Listener | nil, message, code. Waits for a host name only. */
static int l_listen(lua_State *L)
{
    static const char *const known[] = {"timeout",   "nodelay",  "keepalive", "backlog",
                                        "reuseport", "ipv6only", NULL};
    crun_tcp_options options = CRUN_TCP_OPTIONS_INIT;
    const char *host = get_host(L);
    int port = get_port(L, 0);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = get_options(L, known, &options);
    lstream *s = crun__object_new(L, &crun__listener_class);
    int rc = crun__listen_begin(crun__hub, self, host, port, &options, &s->opened);
    if (rc == 0)
        return crun__lstream_park(L, self, deadline, 0, open_finish);
    return opened(L, rc);
}

/* --- Listener ----------------------------------------------------------------------------- */

/* The listener at index 1; NULL once it has been finalized. */
static crun_listener *check(lua_State *L)
{
    lstream *s = crun__object_check(L, 1, &crun__listener_class);
    return s->opened.listener;
}

/* On the stack: the listener, the deadline, the Stream to be. */
enum { DEADLINE = 2, STREAM };

static int accept_finish(lua_State *L, int status, lua_KContext context);

static int accepted(lua_State *L, crun_task *self, int rc)
{
    if (rc == 0)
        return crun__lstream_park(L, self, lua_tointeger(L, DEADLINE), 0, accept_finish);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

static int accept_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    crun_task *self = crun__hub->current;
    lstream *s = lua_touserdata(L, STREAM);
    return accepted(L, self, crun__accept_finish(check(L), self, &s->opened.stream));
}

/* listener:accept([seconds]) -> Stream | nil, message, code. May wait. */
static int l_accept(lua_State *L)
{
    crun_listener *listener = check(L);
    crun_time deadline = crun__lua_deadline(L, 2);
    crun_task *self = crun__lua_self(L);
    if (!listener)
        return crun__lua_fail(L, CRUN_ECLOSED);
    lua_settop(L, 1);
    lua_pushinteger(L, deadline);
    lstream *s = crun__object_new(L, &crun__stream_class);
    return accepted(L, self, crun__accept_begin(listener, self, &s->opened.stream));
}

/* listener:close(): tasks in accept get ECLOSED. Twice does nothing. Never waits. */
static int l_close(lua_State *L)
{
    crun_listener *listener = check(L);
    if (listener)
        crun_listener_close(listener);
    return 0;
}

/* listener:closed() -> boolean */
static int l_closed(lua_State *L)
{
    const crun_listener *listener = check(L);
    lua_pushboolean(L, !listener || crun_listener_closed(listener));
    return 1;
}

static int l_gc(lua_State *L)
{
    lstream *s = crun__object_check(L, 1, &crun__listener_class);
    crun_listener *listener = s->opened.listener;
    crun__opened_drop(&s->opened);
    s->opened.listener = NULL;
    if (listener)
        crun_listener_release(listener);
    return 0;
}

/* listener:sockname() -> host, port | nil, message, code. */
static int l_sockname(lua_State *L)
{
    const crun_listener *listener = check(L);
    crun_address name;
    int rc = listener ? crun_listener_sockname(listener, &name) : CRUN_ECLOSED;
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushstring(L, name.host);
    lua_pushinteger(L, name.port);
    return 2;
}

static int l_tostring(lua_State *L)
{
    const crun_listener *listener = check(L);
    crun_address name;
    if (!listener || crun_listener_sockname(listener, &name) < 0)
        lua_pushliteral(L, "crun.Listener: closed");
    else
        lua_pushfstring(L, "crun.Listener: %s port %d", name.host, name.port);
    return 1;
}

static const luaL_Reg methods[] = {
    {"accept", l_accept},     {"close", l_close}, {"closed", l_closed},
    {"sockname", l_sockname}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__tostring", l_tostring},
    {"__close", l_close},
    {"__gc", l_gc},
    {NULL, NULL},
};

const crun__class crun__listener_class = {"crun.Listener", methods, metamethods, sizeof(lstream),
                                          0};

/* core.net, to which lua/crun/net.lua adds. */
void crun__open_net(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"connect", l_connect}, {"listen", l_listen}, {NULL, NULL}};
    crun__class_open(L, &crun__stream_class, 0);
    crun__class_open(L, &crun__listener_class, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "net");
    lua_pop(L, 1);
}
