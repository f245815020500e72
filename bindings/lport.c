/*
 * SPDX-License-Identifier: MIT
 *
 * Port: messages between hubs, crun.core.port_pair and its kin. Not part of the API: what stands on
 * it (links, and all that is made of them) is in Lua.
 */
#include "lport.h"

/* The object at index 1, of either class. */
static lport *check_any(lua_State *L)
{
    lport *p = crun__object_test(L, 1, &crun__connection_class);
    return p ? p : crun__object_check(L, 1, &crun__port_class);
}

static lport *check(lua_State *L)
{
    return crun__object_check(L, 1, &crun__port_class);
}

int crun__lport_fail(lua_State *L, const lport *p, int code)
{
    const char *why = p->port ? crun__port_reason(p->port) : NULL;
    if (code != CRUN_ECLOSED || !why)
        return crun__lua_fail(L, code);
    lua_pushnil(L);
    lua_pushfstring(L, "ECLOSED: %s", why);
    lua_pushliteral(L, "ECLOSED");
    return 3;
}

/* --- sending ------------------------------------------------------------------------------ */

/* kind, id and aux at indices 2 to 4. */
static crun__frame check_frame(lua_State *L)
{
    lua_Integer kind = luaL_checkinteger(L, 2), id = luaL_checkinteger(L, 3);
    lua_Integer aux = luaL_checkinteger(L, 4);
    luaL_argcheck(L, kind >= 1 && kind <= CRUN__FRAME_KINDS, 2, "a kind from 1 to 127 expected");
    luaL_argcheck(L, id >= 0, 3, "an id >= 0 expected");
    luaL_argcheck(L, aux >= 0 && aux <= UINT32_MAX, 4, "0 to 2^32-1 expected");
    return (crun__frame){.kind = (uint8_t)kind, .id = (uint64_t)id, .aux = (uint32_t)aux};
}

enum { VALUES = 5 };

/*
 * port:send(kind, id, aux, ...) -> true | nil, message, "ECLOSED". Raises what cannot be sent.
 * Waits only while more than 1 MiB is under way.
 */
static int l_send(lua_State *L)
{
    (void)check(L);
    return crun__lport_send(L, check_frame(L), VALUES, false);
}

/* port:post(kind, id, aux, ...): the same without ever waiting. */
static int l_post(lua_State *L)
{
    (void)check(L);
    return crun__lport_send(L, check_frame(L), VALUES, true);
}

/* port:post_encoded(kind, id, aux, message): the same for a message of core.encode's. */
static int l_post_encoded(lua_State *L)
{
    (void)check(L);
    return crun__lport_post_encoded(L, check_frame(L), VALUES);
}

static int flush_finish(lua_State *L, int status, lua_KContext deadline);

static int flush(lua_State *L, const lport *p, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    int rc = p->port ? crun__flush_begin(p->port, self) : CRUN_ECLOSED;
    if (rc == 0)
        return crun__lua_park(L, self, deadline, (lua_KContext)deadline, flush_finish);
    if (rc < 0)
        return crun__lport_fail(L, p, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int flush_finish(lua_State *L, int status, lua_KContext deadline)
{
    (void)status;
    const lport *p = lua_touserdata(L, 1);
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lport_fail(L, p, rc) : flush(L, p, (crun_time)deadline);
}

/* port:flush([seconds]) -> true, once the system has all that was sent | nil, message, code. */
int crun__lport_flush(lua_State *L)
{
    const lport *p = check_any(L);
    return flush(L, p, crun__lua_deadline(L, 2));
}

/* --- receiving ---------------------------------------------------------------------------- */

/*
 * port:recv([seconds]) -> kind, id, aux, values... | nil, message, code. A negative kind: the
 * values could not be made here, and why follows. May wait.
 */
static int l_recv(lua_State *L)
{
    return crun__lport_recv(L, check(L));
}

static int poll_finish(lua_State *L, int status, lua_KContext deadline);

static int poll(lua_State *L, const lport *p, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    if (deadline == CRUN_NOWAIT && p->port)
        crun__port_look(p->port);
    int rc = p->port ? crun__poll_begin(p->port, self) : 1;
    if (rc == 0)
        return crun__lua_park(L, self, deadline, (lua_KContext)deadline, poll_finish);
    lua_pushboolean(L, rc > 0);
    return 1;
}

static int poll_finish(lua_State *L, int status, lua_KContext deadline)
{
    (void)status;
    int rc = crun__lua_result(L);
    if (rc == 0)
        return poll(L, lua_touserdata(L, 1), (crun_time)deadline);
    lua_pushboolean(L, rc != CRUN_ETIMEDOUT);
    return 1;
}

/* port:poll([seconds]) -> whether recv would not wait: for a message, or for the end. May wait. */
int crun__lport_poll(lua_State *L)
{
    const lport *p = check_any(L);
    return poll(L, p, crun__lua_deadline(L, 2));
}

/* --- hooks -------------------------------------------------------------------------------- */

static void set_value(lua_State *L, int index, int type, int value)
{
    if (!lua_isnoneornil(L, index))
        luaL_checktype(L, index, type);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, 1, value);
}

/*
 * port:hooks(refer, resolve [, to]): refer(userdata) -> string or nil when it is sent, and
 * resolve(string) -> object at the other end; neither may wait. to: ends the error for what cannot
 * be sent, "to a process".
 */
static int l_hooks(lua_State *L)
{
    (void)check(L);
    lua_settop(L, 4);
    set_value(L, 2, LUA_TFUNCTION, LPORT_REFER);
    set_value(L, 3, LUA_TFUNCTION, LPORT_RESOLVE);
    set_value(L, 4, LUA_TSTRING, LPORT_TO);
    return 0;
}

/* port:known(): from now on no global is sent twice. */
static int l_known(lua_State *L)
{
    (void)check(L);
    lua_newtable(L);
    lua_setiuservalue(L, 1, LPORT_KNOWN);
    return 0;
}

/* --- life --------------------------------------------------------------------------------- */

/* port:close(): who waits at either end gets ECLOSED. Twice does nothing. Never waits. */
int crun__lport_close(lua_State *L)
{
    const lport *p = check_any(L);
    if (p->port)
        crun_port_close(p->port);
    return 0;
}

/* port:closed() -> false | true, why: also when the other end is. */
int crun__lport_closed(lua_State *L)
{
    const lport *p = check_any(L);
    const char *why = p->port ? crun__port_reason(p->port) : "closed";
    lua_pushboolean(L, why != NULL);
    if (!why)
        return 1;
    lua_pushstring(L, why);
    return 2;
}

static int l_gc(lua_State *L)
{
    lport *p = check_any(L);
    crun_port *port = p->port;
    p->port = NULL;
    if (port)
        crun_port_release(port);
    return 0;
}

static int l_tostring(lua_State *L)
{
    const lport *p = check_any(L);
    const char *why = p->port ? crun__port_reason(p->port) : "closed";
    if (why)
        lua_pushfstring(L, "%s: %s", p->object.class->name, why);
    else
        lua_pushfstring(L, "%s: %I bytes under way", p->object.class->name,
                        (LUAI_UACINT)crun__port_queued(p->port));
    return 1;
}

/* port:detach() -> light userdata, for port_attach in another thread; the port is closed. */
static int l_detach(lua_State *L)
{
    const lport *p = check(L);
    crun_port_end *end;
    int rc = p->port ? crun_port_detach(p->port, &end) : CRUN_ECLOSED;
    if (rc < 0)
        return crun__lport_fail(L, p, rc);
    lua_pushlightuserdata(L, end);
    return 1;
}

/* port_pair() -> Port, Port */
static int l_pair(lua_State *L)
{
    crun__lua_self(L);
    lport *a = crun__object_new(L, &crun__port_class);
    lport *b = crun__object_new(L, &crun__port_class);
    int rc = crun_port_pair(crun__hub, &a->port, &b->port);
    return rc < 0 ? crun__lua_fail(L, rc) : 2;
}

/* port_open(fd) -> Port | nil, message, code. The descriptor is the port's, also if it fails. */
static int l_open(lua_State *L)
{
    lua_Integer fd = luaL_checkinteger(L, 1);
    crun__lua_self(L);
    lport *p = crun__object_new(L, &crun__port_class);
    int rc = crun_port_open(crun__hub, (int)fd, &p->port);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* port_attach(light userdata) -> Port: of an end that was detached, once. */
static int l_attach(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
    crun__lua_self(L);
    lport *p = crun__object_new(L, &crun__port_class);
    int rc = crun_port_attach(crun__hub, lua_touserdata(L, 1), &p->port);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* port_drop(light userdata): closes a detached end. */
static int l_drop(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
    crun_port_end_drop(lua_touserdata(L, 1));
    return 0;
}

static const luaL_Reg methods[] = {
    {"send", l_send},
    {"post", l_post},
    {"post_encoded", l_post_encoded},
    {"flush", crun__lport_flush},
    {"recv", l_recv},
    {"poll", crun__lport_poll},
    {"hooks", l_hooks},
    {"known", l_known},
    {"close", crun__lport_close},
    {"closed", crun__lport_closed},
    {"detach", l_detach},
    {NULL, NULL},
};

const luaL_Reg crun__lport_metamethods[] = {
    {"__tostring", l_tostring},
    {"__close", crun__lport_close},
    {"__gc", l_gc},
    {NULL, NULL},
};

const crun__class crun__port_class = {"crun.Port", methods, crun__lport_metamethods, sizeof(lport),
                                      LPORT_VALUES};

void crun__open_port(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"port_pair", l_pair}, {"port_open", l_open}, {"port_attach", l_attach},
        {"port_drop", l_drop}, {NULL, NULL},
    };
    crun__class_open(L, &crun__port_class, 0);
    crun__open_functions(L, functions);
}
