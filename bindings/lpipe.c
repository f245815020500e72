/*
 * SPDX-License-Identifier: MIT
 *
 * Pipe and Connection: messages of any values between tasks, threads and processes.
 *
 * A Connection is an end of a pair of sockets with the framing of ports. It can be sent itself: the
 * receiver then has a copy of the end.
 */
#include <crun/stream.h>

#include "lport.h"

static lport *check(lua_State *L)
{
    return crun__object_check(L, 1, &crun__connection_class);
}

/* connection:send(...) -> true | nil, message, "ECLOSED". Waits while 1 MiB is under way. */
static int l_send(lua_State *L)
{
    (void)check(L);
    return crun__lport_send(L, (crun__frame){.kind = 1}, 2, false);
}

/*
 * connection:recv([seconds]) -> the values of a message | nil, message, code. Raises an error where
 * they cannot be made here. May wait.
 */
static int l_recv(lua_State *L)
{
    return crun__lport_recv(L, check(L));
}

/* A first nil would end the loop as if the other end were closed. */
static int iterated(lua_State *L, int rc, lua_KContext context)
{
    (void)context;
    if (rc == CRUN_ECLOSED)
        return 0;
    int top = lua_gettop(L);
    if (!crun__lport_take(L, lua_touserdata(L, 1), false))
        return lua_error(L);
    int count = lua_gettop(L) - top;
    if (count == 0 || lua_isnil(L, -count))
        return luaL_error(L, "a message that starts with nil ends a for loop: recv it by itself");
    return count;
}

static int iter_again(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    int rc = crun__lport_waited(L, how);
    if (rc < 0)
        return iterated(L, rc, 0);
    return crun__lport_wait(L, lua_touserdata(L, 1), CRUN_FOREVER, iterated, iter_again);
}

static int iter_next(lua_State *L)
{
    lport *p = check(L);
    lua_settop(L, 1);
    return crun__lport_wait(L, p, CRUN_FOREVER, iterated, iter_again);
}

/* for value, ... in connection:iter() do: until the other end is closed. Waits in each step. */
static int l_iter(lua_State *L)
{
    (void)check(L);
    lua_pushcfunction(L, iter_next);
    lua_pushvalue(L, 1);
    return 2;
}

static const luaL_Reg methods[] = {
    {"send", l_send},
    {"recv", l_recv},
    {"iter", l_iter},
    {"poll", crun__lport_poll},
    {"flush", crun__lport_flush},
    {"close", crun__lport_close},
    {"closed", crun__lport_closed},
    {NULL, NULL},
};

const crun__class crun__connection_class = {"crun.Connection", methods, crun__lport_metamethods,
                                            sizeof(lport), 0};

int crun__connection_open(lport *p, int fd)
{
    int rc = crun_port_open(crun__hub, fd, &p->port);
    if (rc == 0)
        crun__port_set_name(p->port, "Connection");
    return rc;
}

/* Pipe() -> Connection, Connection | nil, message, code. Switches: never. */
static int l_pipe(lua_State *L)
{
    int fd[2];
    crun__lua_self(L);
    lport *a = crun__object_new(L, &crun__connection_class);
    lport *b = crun__object_new(L, &crun__connection_class);
    int rc = crun_socketpair(fd);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    int first = crun__connection_open(a, fd[0]);
    int second = crun__connection_open(b, fd[1]);
    return first < 0 || second < 0 ? crun__lua_fail(L, first < 0 ? first : second) : 2;
}

void crun__open_pipe(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Pipe", l_pipe}, {NULL, NULL}};
    crun__class_open(L, &crun__connection_class, 0);
    crun__open_functions(L, functions);
}
