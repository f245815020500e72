/*
 * SPDX-License-Identifier: MIT
 *
 * What travels with the values of a message without being one: descriptors of Streams, Listeners
 * and Connections, and what a port's hooks say. A reference starts with a byte that tells which.
 */
#include <fcntl.h>
#include <string.h>

#include "lport.h"
#include "lstream.h"
#include "ltally.h"

/* The first byte of a reference; those with a descriptor have its place next. */
enum {
    REFER_HOOK = 'h',
    REFER_STREAM = 's',
    REFER_LISTENER = 'l',
    REFER_CONNECTION = 'c',
    REFER_TALLY = 't'
};

/* How the reference of a Listener goes on: without gaps, which would hold bytes of the stack. */
typedef struct listening {
    uint32_t keepalive;
    uint32_t nodelay;
} listening;

/* --- sending ------------------------------------------------------------------------------ */

int crun__carry_pack(const crun__carry *carry, crun__fds **out)
{
    if (carry->count == 0)
        return 0;
    crun__fds *fds = crun__fds_new(carry->count);
    if (!fds)
        return CRUN_ENOMEM;
    for (unsigned i = 0; i < carry->count; i++) {
        fds->fd[i] = fcntl(carry->list[i].fd, F_DUPFD_CLOEXEC, 0);
        if (fds->fd[i] < 0) {
            int code = -errno;
            crun__fds_free(fds);
            return code;
        }
    }
    *out = fds;
    return 0;
}

/* The place of an object in the list: the encoder may ask twice. */
static unsigned enlist(lua_State *L, crun__carry *c, const void *object, int fd)
{
    unsigned i = 0;
    while (i < c->count && c->list[i].object != object)
        i++;
    if (i == CRUN__FRAME_FDS)
        luaL_error(L, "more than %d descriptors in one message", CRUN__FRAME_FDS);
    if (i == c->count)
        c->count++;
    c->list[i].object = object;
    c->list[i].fd = fd;
    return i;
}

/* Raises for a code; else pushes the reference of the userdata on top. */
static bool push_reference(lua_State *L, crun__carry *c, char kind, int fd, const char *what)
{
    if (fd == CRUN_EBUSY)
        luaL_error(L, "a %s that has unread bytes cannot be sent", what);
    if (fd == CRUN_EAGAIN)
        luaL_error(L, "a %s that has unsent bytes cannot be sent", what);
    if (fd < 0)
        luaL_error(L, "a %s cannot be sent: %s", what, crun_error_text(fd));
    const char text[] = {kind, (char)enlist(L, c, lua_touserdata(L, -1), fd)};
    lua_pushlstring(L, text, sizeof text);
    return true;
}

static bool refer_connection(lua_State *L, crun__carry *c, const lport *p)
{
    int fd = p->port ? crun__port_share(p->port) : CRUN_ECLOSED;
    return push_reference(L, c, REFER_CONNECTION, fd, "Connection");
}

static bool refer_stream(lua_State *L, crun__carry *c, const lstream *s)
{
    int fd = s->opened.stream ? crun__stream_share(s->opened.stream) : CRUN_ECLOSED;
    return push_reference(L, c, REFER_STREAM, fd, "Stream");
}

static bool refer_listener(lua_State *L, crun__carry *c, const lstream *s)
{
    crun_tcp_options options = {.size = sizeof options};
    crun_listener *listener = s->opened.listener;
    int fd = listener ? crun__listener_share(listener, &options) : CRUN_ECLOSED;
    listening more = {options.keepalive, options.nodelay};
    push_reference(L, c, REFER_LISTENER, fd, "Listener");
    lua_pushlstring(L, (const char *)&more, sizeof more);
    lua_concat(L, 2);
    return true;
}

/* The userdata is on top. */
static bool refer_descriptor(lua_State *L, crun__carry *c)
{
    const void *o = crun__object_test(L, -1, &crun__stream_class);
    if (o)
        return refer_stream(L, c, o);
    o = crun__object_test(L, -1, &crun__listener_class);
    if (o)
        return refer_listener(L, c, o);
    o = crun__object_test(L, -1, &crun__connection_class);
    if (o)
        return refer_connection(L, c, o);
    const ltally *t = crun__object_test(L, -1, &crun__tally_class);
    return t && push_reference(L, c, REFER_TALLY, t->tally.fd, "Tally");
}

static bool refer_hook(lua_State *L)
{
    if (lua_getiuservalue(L, 1, LPORT_REFER) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    luaL_checktype(L, -1, LUA_TSTRING);
    lua_pushfstring(L, "%c", REFER_HOOK);
    lua_insert(L, -2);
    lua_concat(L, 2);
    return true;
}

bool crun__lport_refer(lua_State *L, void *carry)
{
    crun__carry *c = carry;
    luaL_checkstack(L, 4, "too many values");
    return refer_descriptor(L, c) || (c->hooked && refer_hook(L));
}

/* --- receiving ---------------------------------------------------------------------------- */

/* The descriptor that a reference names; it is the caller's then. */
static int take_fd(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    unsigned i = size > 1 ? (unsigned char)text[1] : CRUN__FRAME_FDS;
    if (!c->fds)
        return luaL_error(L, "a descriptor did not arrive: too many are open");
    if (i >= c->fds->count || c->fds->fd[i] < 0)
        return luaL_error(L, "bad message: a descriptor that is not there");
    int fd = c->fds->fd[i];
    c->fds->fd[i] = -1;
    return fd;
}

static void check_opened(lua_State *L, int rc, const char *what)
{
    if (rc < 0)
        luaL_error(L, "a %s cannot be opened: %s", what, crun_error_text(rc));
}

/* Each makes the object first: then the descriptor always has an owner. */
static bool resolve_stream(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    lstream *s = crun__object_new(L, &crun__stream_class);
    int fd = take_fd(L, c, text, size);
    check_opened(L, crun_stream_open(crun__hub, fd, &s->opened.stream), "Stream");
    return true;
}

static bool resolve_listener(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    crun_tcp_options options = CRUN_TCP_OPTIONS_INIT;
    listening more;
    if (size != 2 + sizeof more)
        return false;
    memcpy(&more, text + 2, sizeof more);
    options.keepalive = more.keepalive;
    options.nodelay = more.nodelay != 0;
    lstream *s = crun__object_new(L, &crun__listener_class);
    int fd = take_fd(L, c, text, size);
    check_opened(L, crun__listener_adopt(crun__hub, fd, &options, &s->opened.listener), "Listener");
    return true;
}

static bool resolve_connection(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    lport *p = crun__object_new(L, &crun__connection_class);
    int fd = take_fd(L, c, text, size);
    check_opened(L, crun__connection_open(p, fd), "Connection");
    return true;
}

static bool resolve_tally(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    ltally *t = crun__ltally_new(L);
    int fd = take_fd(L, c, text, size);
    check_opened(L, crun__tally_open(&t->tally, fd), "Tally");
    crun__tally_seal(&t->tally);
    return true;
}

static bool resolve_hook(lua_State *L, const char *text, size_t size)
{
    if (lua_getiuservalue(L, 2, LPORT_RESOLVE) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushlstring(L, text + 1, size - 1);
    lua_call(L, 1, 1);
    return true;
}

bool crun__lport_resolve(lua_State *L, void *carry)
{
    crun__carry *c = carry;
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    luaL_checkstack(L, 4, "too many values");
    switch (size > 0 ? text[0] : 0) {
    case REFER_STREAM:
        return resolve_stream(L, c, text, size);
    case REFER_LISTENER:
        return resolve_listener(L, c, text, size);
    case REFER_CONNECTION:
        return resolve_connection(L, c, text, size);
    case REFER_TALLY:
        return resolve_tally(L, c, text, size);
    case REFER_HOOK:
        return c->hooked && resolve_hook(L, text, size);
    default:
        return false;
    }
}
