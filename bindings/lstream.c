/*
 * SPDX-License-Identifier: MIT
 *
 * Stream: a connection from Lua. read and lines are in lread.c, connect and listen in lnet.c.
 */
#include "lstream.h"

enum {
    /* Small pieces of one write are joined up to this many bytes, so as to travel together. */
    JOINED = 16384,
    /* Parked stacks beyond which waits for the network yield. With 1000 connections that echo 64
     * bytes, stacks cost 34 misses of a cache of 1 MiB a message, yields 25. */
    STACKS = 100
};

/* --- waiting ------------------------------------------------------------------------------ */

int crun__lstream_park(lua_State *L, crun_task *self, crun_time deadline, lua_KContext context,
                       lua_KFunction finish)
{
    if (crun__hub->runners.busy <= STACKS || !crun__lua_can_yield(L, self))
        return crun__lua_park(L, self, deadline, context, finish);
    if (crun__wait_arm(self, deadline) < 0)
        return finish(L, LUA_OK, context);
    crun__flag_set(self, CRUN__YIELDING);
    return lua_yieldk(L, 0, context, finish);
}

/* --- failures ----------------------------------------------------------------------------- */

static void push_user(lua_State *L, const crun_task *user)
{
    if (!crun__is_ltask(user)) {
        lua_pushfstring(L, "task#%I", (LUAI_UACINT)crun_task_id(user));
        return;
    }
    crun__ltask_push(L, (const ltask *)user);
    crun__ltask_describe(L, -1);
    lua_remove(L, -2);
}

static int raise_conflict(lua_State *L, const crun_task *user, const char *verb)
{
    push_user(L, user);
    push_user(L, crun__hub->current);
    return luaL_error(L, "stream is already being %s by %s (this is %s)", verb, lua_tostring(L, -2),
                      lua_tostring(L, -1));
}

int crun__lstream_fail(lua_State *L, int code, const crun_task *user, const char *verb)
{
    if (code == CRUN_EBUSY && user)
        return raise_conflict(L, user, verb);
    return crun__lua_fail(L, code);
}

/* --- recv --------------------------------------------------------------------------------- */

static int recv_push(lua_State *L, crun_stream *s, size_t max)
{
    size_t size;
    const char *data = crun__stream_peek(s, &size);
    if (size == 0) {
        int end = crun__stream_end(s);
        if (end < 0)
            return crun__lua_fail(L, end);
        lua_pushnil(L);
        return 1;
    }
    if (size > max)
        size = max;
    lua_pushlstring(L, data, size);
    crun__stream_consume(s, size);
    return 1;
}

static size_t recv_max(lua_State *L)
{
    if (lua_isnoneornil(L, 2))
        return SIZE_MAX >> 1;
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 1, 2, "a number of bytes >= 1 expected");
    return (size_t)max;
}

static int recv_finish(lua_State *L, int status, lua_KContext max);

static int recv_now(lua_State *L, crun_stream *s, size_t max, crun_time deadline)
{
    static const crun__goal some = {.count = 1};
    crun_task *self = crun__lua_self(L);
    int rc = crun__read_begin(s, self, &some);
    if (rc > 0)
        return recv_push(L, s, max);
    if (rc < 0)
        return crun__lstream_fail(L, rc, crun_stream_reader(s), "read");
    if (deadline != CRUN_FOREVER) {
        lua_settop(L, 2);
        lua_pushinteger(L, deadline);
    }
    return crun__lstream_park(L, self, deadline, (lua_KContext)max, recv_finish);
}

static int recv_finish(lua_State *L, int status, lua_KContext max)
{
    (void)status;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    crun_time deadline = lua_isinteger(L, 3) ? lua_tointeger(L, 3) : CRUN_FOREVER;
    return recv_now(L, crun__lstream_again(L), (size_t)max, deadline);
}

/*
 * stream:recv([max [, seconds]]) -> some bytes, as soon as there are any; nil at the end of the
 * stream | nil, message, code. May wait.
 */
static int l_recv(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    size_t max = recv_max(L);
    crun_time deadline = crun__lua_deadline(L, 3);
    return s ? recv_now(L, s, max, deadline) : crun__lua_fail(L, CRUN_ECLOSED);
}

/* --- write -------------------------------------------------------------------------------- */

/* Joins the pieces from index i on as long as they are small. Returns: the index of the result. */
static int join_pieces(lua_State *L, int i, int last)
{
    size_t size = lua_rawlen(L, i);
    int end = i;
    while (end < last && size + lua_rawlen(L, end + 1) <= JOINED)
        size += lua_rawlen(L, ++end);
    if (end == i)
        return i;
    luaL_checkstack(L, end - i + 1, NULL);
    for (int piece = i; piece <= end; piece++)
        lua_pushvalue(L, piece);
    lua_concat(L, end - i + 1);
    lua_replace(L, end);
    return end;
}

static int write_finish(lua_State *L, int status, lua_KContext next);

/*
 * What the system has not taken yet is the stream's as well: the coroutine that waits may be closed
 * by somebody else. Index 0: nothing any more.
 */
static void anchor(lua_State *L, int index)
{
    if (index > 0)
        lua_pushvalue(L, index);
    else
        lua_pushnil(L);
    lua_setiuservalue(L, 1, 1);
}

/* On the stack: the stream, the pieces up to `last`, the deadline. Writes from piece i on. */
static int write_from(lua_State *L, crun_stream *s, int i, int last)
{
    crun_task *self = crun__hub->current;
    while (i <= last) {
        size_t size;
        int piece = i < last ? join_pieces(L, i, last) : i;
        const char *data = lua_tolstring(L, piece, &size);
        int rc = crun__write_begin(s, self, data, size);
        i = piece + 1;
        if (rc < 0)
            return crun__lstream_fail(L, rc, crun_stream_writer(s), "written");
        if (rc > 0)
            continue;
        anchor(L, piece);
        return crun__lstream_park(L, self, lua_tointeger(L, last + 1), i, write_finish);
    }
    lua_settop(L, 1);
    return 1;
}

static int write_finish(lua_State *L, int status, lua_KContext next)
{
    (void)status;
    crun__lua_waiter(L);
    anchor(L, 0);
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    crun_stream *s = crun__lstream_again(L);
    rc = crun__write_finish(s);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    return write_from(L, s, (int)next, lua_gettop(L) - 1);
}

static void check_pieces(lua_State *L, int last)
{
    for (int i = 2; i <= last; i++)
        if (lua_type(L, i) != LUA_TSTRING)
            luaL_typeerror(L, i, "string");
}

/*
 * stream:write(string... [, seconds]) -> the stream, once the system has taken everything | nil,
 * message, code; then a part may have been sent. Numbers are no data: tostring makes them so. May
 * wait.
 */
static int l_write(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    crun_time deadline = CRUN_FOREVER;
    int last = lua_gettop(L);
    if (last > 2 && crun__lstream_timed(L)) {
        deadline = crun__lua_deadline(L, last);
        lua_settop(L, --last);
    }
    check_pieces(L, last);
    crun__lua_self(L);
    if (!s)
        return crun__lua_fail(L, CRUN_ECLOSED);
    lua_pushinteger(L, deadline);
    return write_from(L, s, 2, last);
}

/* --- shutdown and close ------------------------------------------------------------------- */

static int shutdown_finish(lua_State *L, int status, lua_KContext deadline);

static int shutdown_from(lua_State *L, crun_stream *s, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    int rc = crun__shutdown_begin(s, self);
    if (rc == 0)
        return crun__lstream_park(L, self, deadline, (lua_KContext)deadline, shutdown_finish);
    if (rc < 0)
        return crun__lstream_fail(L, rc, crun_stream_writer(s), "written");
    lua_pushboolean(L, 1);
    return 1;
}

static int shutdown_finish(lua_State *L, int status, lua_KContext deadline)
{
    (void)status;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    return shutdown_from(L, crun__lstream_again(L), (crun_time)deadline);
}

/*
 * stream:shutdown([seconds]) -> true | nil, message, code: nothing more will be written, the peer
 * reads an end. Waits only when an earlier write was given up half-way.
 */
static int l_shutdown(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    crun_time deadline = crun__lua_deadline(L, 2);
    crun__lua_self(L);
    return s ? shutdown_from(L, s, deadline) : crun__lua_fail(L, CRUN_ECLOSED);
}

/* stream:close(): whoever waits on it gets ECLOSED. Twice does nothing. Never waits. */
static int l_close(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    if (s)
        crun_stream_close(s);
    return 0;
}

/* stream:closed() -> whether it was closed on this side. */
static int l_closed(lua_State *L)
{
    const crun_stream *s = crun__lstream_check(L);
    lua_pushboolean(L, !s || crun_stream_closed(s));
    return 1;
}

static int l_gc(lua_State *L)
{
    lstream *s = crun__object_check(L, 1, &crun__stream_class);
    crun_stream *stream = s->opened.stream;
    crun__opened_drop(&s->opened);
    s->opened.stream = NULL;
    if (stream)
        crun_stream_release(stream);
    return 0;
}

/* --- the rest ----------------------------------------------------------------------------- */

typedef int name_fn(const crun_stream *stream, crun_address *out);

static int push_name(lua_State *L, name_fn *get)
{
    const crun_stream *s = crun__lstream_check(L);
    crun_address name;
    int rc = s ? get(s, &name) : CRUN_ECLOSED;
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushstring(L, name.host);
    lua_pushinteger(L, name.port);
    return 2;
}

/* stream:peername() -> host, port of the other end | nil, message, code. */
static int l_peername(lua_State *L)
{
    return push_name(L, crun_stream_peername);
}

/* stream:sockname() -> host, port of this end | nil, message, code. */
static int l_sockname(lua_State *L)
{
    return push_name(L, crun_stream_sockname);
}

static int push_outcome(lua_State *L, int rc)
{
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/* stream:nodelay(boolean) -> true | nil, message, code: small pieces are sent at once. */
static int l_nodelay(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    return push_outcome(L, s ? crun_stream_nodelay(s, lua_toboolean(L, 2)) : CRUN_ECLOSED);
}

/* stream:keepalive(seconds | false) -> true | nil, message, code: a silent peer is probed. */
static int l_keepalive(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    lua_Integer seconds = 0;
    if (!lua_isboolean(L, 2) || lua_toboolean(L, 2)) {
        seconds = luaL_checkinteger(L, 2);
        luaL_argcheck(L, seconds >= 1 && seconds <= 32767, 2,
                      "1 to 32767 seconds or false expected");
    }
    return push_outcome(L, s ? crun_stream_keepalive(s, (unsigned)seconds) : CRUN_ECLOSED);
}

static int l_tostring(lua_State *L)
{
    const crun_stream *s = crun__lstream_check(L);
    crun_address peer;
    int rc;
    if (!s || crun_stream_closed(s))
        lua_pushliteral(L, "crun.Stream: closed");
    else if ((rc = crun_stream_peername(s, &peer)) < 0)
        lua_pushstring(L, rc == CRUN_ENOTSUP ? "crun.Stream: open" : "crun.Stream: disconnected");
    else
        lua_pushfstring(L, "crun.Stream: %s port %d", peer.host, peer.port);
    return 1;
}

static const luaL_Reg methods[] = {
    {"read", crun__lstream_read}, {"lines", crun__lstream_lines}, {"recv", l_recv},
    {"write", l_write},           {"shutdown", l_shutdown},       {"close", l_close},
    {"closed", l_closed},         {"peername", l_peername},       {"sockname", l_sockname},
    {"nodelay", l_nodelay},       {"keepalive", l_keepalive},     {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__tostring", l_tostring},
    {"__close", l_close},
    {"__gc", l_gc},
    {NULL, NULL},
};

const crun__class crun__stream_class = {"crun.Stream", methods, metamethods, sizeof(lstream), 1};
