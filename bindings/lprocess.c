/*
 * SPDX-License-Identifier: MIT
 *
 * Child: a process that was started here, for the faces of workers and subprocesses. How one is
 * started is in lprocess_start.c.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lprocess.h"

static crun_process *check(lua_State *L)
{
    const lprocess *p = crun__object_check(L, 1, &crun__child_class);
    if (!p->process)
        luaL_error(L, "the Child has been finalized");
    return p->process;
}

/* --- waiting ------------------------------------------------------------------------------ */

/* code, signal or nil; or the failure. */
static int push_exit(lua_State *L, int rc, const crun_exit *exit)
{
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushinteger(L, exit->code);
    if (exit->signal == 0)
        return 1;
    lua_pushinteger(L, exit->signal);
    return 2;
}

int crun__child_exit(lua_State *L, crun_process *process)
{
    crun_exit exit;
    int rc = crun_process_poll(process, &exit);
    return push_exit(L, rc, &exit);
}

static int wait_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : crun__child_exit(L, check(L));
}

/*
 * child:wait([seconds]) -> exit code | -n, n: killed by signal n | nil, message, code. Every waiter
 * gets the same. May wait.
 */
static int l_wait(lua_State *L)
{
    crun_process *p = check(L);
    crun_time deadline = crun__lua_deadline(L, 2);
    crun_task *self = crun__lua_self(L);
    if (crun__process_begin(p, self) > 0)
        return crun__child_exit(L, p);
    return crun__lua_park(L, self, deadline, 0, wait_finish);
}

/* child:poll() -> as wait; nil alone: it runs. Switches: never. */
static int l_poll(lua_State *L)
{
    crun_exit exit;
    int rc = crun_process_poll(check(L), &exit);
    if (rc != 0)
        return push_exit(L, rc, &exit);
    lua_pushnil(L);
    return 1;
}

/*
 * child:kill(signal [, group]) -> true | nil, message, "ESRCH". The number of a signal; group: to
 * all of the process group that it leads, of which some may be left when it has ended.
 */
static int l_kill(lua_State *L)
{
    crun_process *p = check(L);
    lua_Integer signal = luaL_checkinteger(L, 2);
    luaL_argcheck(L, signal >= 0 && signal <= 64, 2, "the number of a signal expected");
    int rc = lua_toboolean(L, 3) ? crun_process_kill_group(p, (int)signal)
                                 : crun_process_kill(p, (int)signal);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- the object --------------------------------------------------------------------------- */

/* child.pid, and the methods, which are in the upvalue. */
static int l_index(lua_State *L)
{
    const crun_process *p = check(L);
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "pid") == 0) {
        lua_pushinteger(L, crun_process_pid(p));
        return 1;
    }
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static int l_tostring(lua_State *L)
{
    crun_process *p = check(L);
    crun_exit exit;
    int pid = crun_process_pid(p), rc = crun_process_poll(p, &exit);
    if (rc == 0)
        lua_pushfstring(L, "crun.Child: %d running", pid);
    else if (rc < 0)
        lua_pushfstring(L, "crun.Child: %d lost", pid);
    else if (exit.signal > 0)
        lua_pushfstring(L, "crun.Child: %d killed by signal %d", pid, exit.signal);
    else
        lua_pushfstring(L, "crun.Child: %d exited with %d", pid, exit.code);
    return 1;
}

static int l_gc(lua_State *L)
{
    lprocess *p = crun__object_check(L, 1, &crun__child_class);
    if (p->process)
        crun_process_release(p->process);
    p->process = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", l_wait}, {"poll", l_poll}, {"kill", l_kill}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};

const crun__class crun__child_class = {"crun.Child", NULL, metamethods, sizeof(lprocess), 0};

/* --- the system's names ------------------------------------------------------------------- */

/* environ() -> table of the environment's values by name. Switches: never. */
static int l_environ(lua_State *L)
{
    lua_newtable(L);
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (!equals)
            continue;
        lua_pushlstring(L, *entry, (size_t)(equals - *entry));
        lua_pushstring(L, equals + 1);
        lua_rawset(L, -3);
    }
    return 1;
}

/* Pushes a table of the signals' numbers by name. */
static void push_signals(lua_State *L)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {
        {"SIGABRT", SIGABRT},   {"SIGALRM", SIGALRM}, {"SIGBUS", SIGBUS},   {"SIGCHLD", SIGCHLD},
        {"SIGCONT", SIGCONT},   {"SIGFPE", SIGFPE},   {"SIGHUP", SIGHUP},   {"SIGILL", SIGILL},
        {"SIGINT", SIGINT},     {"SIGKILL", SIGKILL}, {"SIGPIPE", SIGPIPE}, {"SIGPROF", SIGPROF},
        {"SIGQUIT", SIGQUIT},   {"SIGSEGV", SIGSEGV}, {"SIGSTOP", SIGSTOP}, {"SIGSYS", SIGSYS},
        {"SIGTERM", SIGTERM},   {"SIGTRAP", SIGTRAP}, {"SIGTSTP", SIGTSTP}, {"SIGTTIN", SIGTTIN},
        {"SIGTTOU", SIGTTOU},   {"SIGURG", SIGURG},   {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2},
        {"SIGWINCH", SIGWINCH}, {"SIGXCPU", SIGXCPU}, {"SIGXFSZ", SIGXFSZ},
    };
    lua_newtable(L);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        lua_pushinteger(L, signals[i].number);
        lua_setfield(L, -2, signals[i].name);
    }
}

void crun__open_process(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"child", crun__l_child}, {"environ", l_environ}, {NULL, NULL}};
    crun__class_open(L, &crun__child_class, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, crun__child_class.name);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    crun__open_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    push_signals(L);
    lua_setfield(L, -2, "signals");
    lua_pop(L, 1);
}
