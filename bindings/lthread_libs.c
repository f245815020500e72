/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lspawn.h"
#include "lthread.h"

int crun__lthread_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_addchar(&b, '\n');
    luaL_pushresult(&b);
    size_t size;
    const char *line = lua_tolstring(L, -1, &size);
    (void)fwrite(line, 1, size, stdout);
    (void)fflush(stdout);
    return 0;
}

/*
 * os.exit ends the process, as it does elsewhere. A true second argument closes this thread's
 * state before; others are not waited for.
 */
static int exit_process(lua_State *L)
{
    int status;
    if (lua_isboolean(L, 1))
        status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    else
        status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    if (lua_toboolean(L, 2))
        crun__lua_exit(L);
    exit(status);
}

/*
 * Children inherit the signals that a thread does not take, and could not be stopped by them. So
 * what starts one does it with none blocked.
 */
static int with_signals(lua_State *L)
{
    sigset_t none, old;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &old);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static void wrap(lua_State *L, const char *library, const char *name)
{
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, with_signals, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void crun__lthread_libs(lua_State *L)
{
    lua_getglobal(L, "print");
    lua_setfield(L, LUA_REGISTRYINDEX, CRUN__LTHREAD_PRINT);
    lua_register(L, "print", crun__lthread_print);
    lua_getglobal(L, "os");
    lua_pushcfunction(L, exit_process);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
    wrap(L, "os", "execute");
    wrap(L, "io", "popen");
}
