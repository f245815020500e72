/*
 * SPDX-License-Identifier: MIT
 *
 * `crun --workers n script`: the master, and its workers, which are `crun --prefork=id script`.
 * What they do is in lua/crun/prefork.lua.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <lauxlib.h>

#include "lworker.h"
#include "prog.h"

/* Pushes a function of a module of ours. */
static void push_function(lua_State *L, const char *module, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

/* --- the master --------------------------------------------------------------------------- */

typedef struct master {
    const crun__options *options;
    char **argv;
} master;

/* A list of the arguments for a worker. */
static void push_arguments(lua_State *L, const master *m)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (int i = 1; m->argv[i];) {
        int skip = i < m->options->end ? crun__options_masters(m->argv + i) : 0;
        if (!skip) {
            lua_pushstring(L, m->argv[i]);
            lua_rawseti(L, -2, ++n);
        }
        i += skip ? skip : 1;
    }
}

/* prefork.main{name=, script=, arguments=, workers=, grace=} -> exit status */
static int call_master(lua_State *L)
{
    const master *m = lua_touserdata(L, 1);
    push_function(L, "crun.prefork", "main");
    lua_newtable(L);
    push_arguments(L, m);
    lua_setfield(L, -2, "arguments");
    lua_pushstring(L, crun__prog_name());
    lua_setfield(L, -2, "name");
    lua_pushstring(L, m->argv[m->options->end]);
    lua_setfield(L, -2, "script");
    lua_pushstring(L, m->options->workers);
    lua_setfield(L, -2, "workers");
    lua_pushstring(L, m->options->grace);
    lua_setfield(L, -2, "grace");
    lua_call(L, 1, 1);
    return 1;
}

bool crun__prog_master_run(lua_State *L, const crun__options *options, char **argv, int *status)
{
    master m = {options, argv};
    lua_pushcfunction(L, call_master);
    lua_pushlightuserdata(L, &m);
    if (!crun__prog_report(L, crun__prog_call(L, 1, 1)))
        return false;
    *status = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return true;
}

/* --- a worker ----------------------------------------------------------------------------- */

/* SIGTERM asks for the drain, for which a worker needs neither its port nor its hub to notice. */
bool crun__prog_prefork_begin(const char *id)
{
    int32_t parent;
    if (!crun__prog_greeted(&parent))
        return false;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        return false; /* it has died: there is nobody to tell */
    static char name[48];
    (void)snprintf(name, sizeof name, "worker %s", id);
    crun__worker_set_name(name);
    return setenv("CRUN_WORKER_ID", id, 1) == 0;
}

/* prefork.worker.begin(port, id) */
static int call_worker(lua_State *L)
{
    push_function(L, "crun.prefork.worker", "begin");
    push_function(L, "crun.core", "port_open");
    lua_pushinteger(L, CRUN__WORKER_PORT);
    lua_call(L, 1, 1);
    lua_pushvalue(L, 1);
    lua_call(L, 2, 0);
    return 0;
}

bool crun__prog_prefork_run(lua_State *L, const char *id)
{
    lua_pushcfunction(L, call_worker);
    lua_pushinteger(L, strtol(id, NULL, 10));
    return crun__prog_report(L, crun__prog_call(L, 1, 0));
}
