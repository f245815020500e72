/*
 * SPDX-License-Identifier: MIT
 *
 * What travels with the values of a message without being one: descriptors of Connections, and what
 * a port's hooks say. A reference starts with a byte that tells which.
 */
#include <fcntl.h>

#include "lport.h"

enum { REFER_HOOK = 'h', REFER_CONNECTION = 'c' };

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

static int descriptor(lua_State *L, const char *what, int code)
{
    if (code == CRUN_EBUSY)
        luaL_error(L, "a %s that has unread bytes cannot be sent", what);
    if (code == CRUN_EAGAIN)
        luaL_error(L, "a %s that has unsent bytes cannot be sent", what);
    if (code < 0)
        luaL_error(L, "a %s cannot be sent: %s", what, crun_error_text(code));
    return code;
}

/* The userdata is on top. */
static bool refer_connection(lua_State *L, crun__carry *c)
{
    const lport *p = crun__object_test(L, -1, &crun__connection_class);
    if (!p)
        return false;
    int code = p->port ? crun__port_share(p->port) : CRUN_ECLOSED;
    int fd = descriptor(L, "Connection", code);
    const char text[] = {REFER_CONNECTION, (char)enlist(L, c, p, fd)};
    lua_pushlstring(L, text, sizeof text);
    return true;
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
    if (!c->encoded && refer_connection(L, c))
        return true;
    return c->hooked && refer_hook(L);
}

/* --- receiving ---------------------------------------------------------------------------- */

/* The descriptor that a reference names; it is the caller's then. */
static int take_fd(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    unsigned i = size > 1 ? (unsigned char)text[1] : CRUN__FRAME_FDS;
    if (!c->fds)
        luaL_error(L, "a descriptor did not arrive: too many are open");
    if (i >= c->fds->count || c->fds->fd[i] < 0)
        luaL_error(L, "bad message: a descriptor that is not there");
    int fd = c->fds->fd[i];
    c->fds->fd[i] = -1;
    return fd;
}

static bool resolve_connection(lua_State *L, const crun__carry *c, const char *text, size_t size)
{
    lport *p = crun__object_new(L, &crun__connection_class);
    int rc = crun_port_open(crun__hub, take_fd(L, c, text, size), &p->port);
    if (rc < 0)
        luaL_error(L, "a Connection cannot be opened: %s", crun_error_text(rc));
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
    case REFER_CONNECTION:
        return resolve_connection(L, c, text, size);
    case REFER_HOOK:
        return c->hooked && resolve_hook(L, text, size);
    default:
        return false;
    }
}
