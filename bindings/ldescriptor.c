/*
 * SPDX-License-Identifier: MIT
 *
 * Descriptors as integers, and streams over them: for the faces of workers and subprocesses.
 */
#include <unistd.h>

#include "lstream.h"

static int check_fd(lua_State *L, int index)
{
    lua_Integer fd = luaL_checkinteger(L, index);
    luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, index, "a descriptor expected");
    return (int)fd;
}

/*
 * stream_open(fd) -> Stream | nil, message, code. The descriptor of a stream socket or of an end of
 * a pipe; it is taken over, and closed when this fails. Switches: never.
 */
static int l_stream_open(lua_State *L)
{
    int fd = check_fd(L, 1);
    crun__lua_self(L);
    lstream *s = crun__object_new(L, &crun__stream_class);
    int rc = crun_stream_open(crun__hub, fd, &s->opened.stream);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

static int push_both(lua_State *L, int rc, const int fds[2])
{
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushinteger(L, fds[0]);
    lua_pushinteger(L, fds[1]);
    return 2;
}

/* socketpair() -> fd, fd | nil, message, code: a pair of Unix stream sockets, closed by exec. */
static int l_socketpair(lua_State *L)
{
    int fds[2];
    return push_both(L, crun_socketpair(fds), fds);
}

/* pipe() -> fd to read, fd to write | nil, message, code: closed by exec. */
static int l_pipe(lua_State *L)
{
    int fds[2];
    return push_both(L, crun_pipe(fds), fds);
}

/* close_fd(fd) -> true | nil, message, code. */
static int l_close_fd(lua_State *L)
{
    if (close(check_fd(L, 1)) < 0)
        return crun__lua_fail(L, -errno);
    lua_pushboolean(L, 1);
    return 1;
}

/* is_terminal(fd) -> boolean. */
static int l_is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty(check_fd(L, 1)));
    return 1;
}

void crun__open_descriptors(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"stream_open", l_stream_open}, {"socketpair", l_socketpair},   {"pipe", l_pipe},
        {"close_fd", l_close_fd},       {"is_terminal", l_is_terminal}, {NULL, NULL}};
    crun__open_functions(L, functions);
}
