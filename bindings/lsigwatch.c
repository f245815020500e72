/*
 * SPDX-License-Identifier: MIT
 *
 * core.signal_watch: signals to wait for, for what runs as a service.
 */
#include "../runtime/sigwatch.h"

#include "bind.h"

typedef struct lsigwatch {
    crun__object object;
    crun__sigwatch *watch; /* NULL: closed */
} lsigwatch;

static const crun__class class;

static lsigwatch *check(lua_State *L)
{
    return crun__object_check(L, 1, &class);
}

static int get_finish(lua_State *L, int status, lua_KContext deadline);

static int get(lua_State *L, const lsigwatch *w, crun_time deadline)
{
    crun_task *self = crun__lua_self(L);
    int rc = w->watch ? crun__sigwatch_begin(w->watch, self) : CRUN_ECLOSED;
    if (rc == 0)
        return crun__lua_park(L, self, deadline, (lua_KContext)deadline, get_finish);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushinteger(L, rc);
    return 1;
}

static int get_finish(lua_State *L, int status, lua_KContext deadline)
{
    (void)status;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : get(L, lua_touserdata(L, 1), (crun_time)deadline);
}

/* watch:get([seconds]) -> the number of a signal that has come | nil, message, code. May wait. */
static int l_get(lua_State *L)
{
    const lsigwatch *w = check(L);
    return get(L, w, crun__lua_last_deadline(L, 2));
}

/* watch:close(): the signals do what they did before. Twice does nothing. */
static int l_close(lua_State *L)
{
    lsigwatch *w = check(L);
    crun__sigwatch *watch = w->watch;
    w->watch = NULL;
    if (watch)
        crun__sigwatch_close(watch);
    return 0;
}

static int l_tostring(lua_State *L)
{
    lua_pushfstring(L, "crun.SignalWatch: %s", check(L)->watch ? "open" : "closed");
    return 1;
}

static const luaL_Reg methods[] = {{"get", l_get}, {"close", l_close}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", l_tostring}, {"__close", l_close}, {"__gc", l_close}, {NULL, NULL}};

static const crun__class class = {"crun.SignalWatch", methods, metamethods, sizeof(lsigwatch), 0};

enum { MOST = 64 };

/*
 * signal_watch(number, ...) -> SignalWatch | nil, message, code. From now on these signals do
 * nothing but wake who waits for them. Not for SIGINT, SIGTERM, SIGQUIT, SIGPIPE.
 */
static int l_signal_watch(lua_State *L)
{
    int numbers[MOST], n = lua_gettop(L);
    luaL_argcheck(L, n >= 1 && n <= MOST, 1, "numbers of signals expected");
    for (int i = 0; i < n; i++)
        numbers[i] = (int)luaL_checkinteger(L, i + 1);
    crun__lua_self(L);
    lsigwatch *w = crun__object_new(L, &class);
    int rc = crun__sigwatch_open(crun__hub, numbers, (size_t)n, &w->watch);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

void crun__open_sigwatch(lua_State *L)
{
    static const luaL_Reg functions[] = {{"signal_watch", l_signal_watch}, {NULL, NULL}};
    crun__class_open(L, &class, 0);
    crun__open_functions(L, functions);
}
