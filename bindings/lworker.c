/*
 * SPDX-License-Identifier: MIT
 *
 * The machine and the process, and what lua/crun/program.lua and lua/crun/spawn_worker.lua need to
 * start worker processes.
 */
#include "lworker.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <crun/error.h>
#include <crun/version.h>

#include "bind.h"

static bool is_program;
static const char *process_name;

void crun__worker_set_program(void)
{
    is_program = true;
}

void crun__worker_set_name(const char *name)
{
    process_name = name;
}

const char *crun__worker_name(void)
{
    return process_name;
}

/* --- the machine -------------------------------------------------------------------------- */

enum { FIRST_CPUS = 1024, MOST_CPUS = 1 << 20 };

/* The kernel refuses a set that is smaller than its own. Returns: 0 when it cannot be told. */
static int affinity_count(void)
{
    for (size_t cpus = FIRST_CPUS; cpus <= MOST_CPUS; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set)
            return 0;
        size_t size = CPU_ALLOC_SIZE(cpus);
        int rc = sched_getaffinity(0, size, set);
        int count = rc == 0 ? CPU_COUNT_S(size, set) : 0;
        bool too_small = rc < 0 && errno == EINVAL;
        CPU_FREE(set);
        if (!too_small)
            return count;
    }
    return 0;
}

/* cpu_count() -> processors that this thread may run on. Switches: never. */
static int l_cpu_count(lua_State *L)
{
    long count = affinity_count();
    if (count <= 0)
        count = sysconf(_SC_NPROCESSORS_ONLN);
    lua_pushinteger(L, count > 0 ? count : 1);
    return 1;
}

/* getpid() -> the process's id. Switches: never. */
static int l_getpid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/* process_name() -> the name of this worker process; nil in the program. Switches: never. */
static int l_process_name(lua_State *L)
{
    lua_pushstring(L, process_name);
    return 1;
}

/* --- where the program is ----------------------------------------------------------------- */

/*
 * own_program() -> what to execute to start the running program again, if that is crun; else nil.
 * The link leads to the very file that runs, also when it has been replaced or removed.
 */
static int l_own_program(lua_State *L)
{
    static const char path[] = "/proc/self/exe";
    if (is_program && access(path, X_OK) == 0)
        lua_pushstring(L, path);
    else
        lua_pushnil(L);
    return 1;
}

/* module_file() -> the absolute path of the file that this code was loaded from | nil. */
static int l_module_file(lua_State *L)
{
    Dl_info info;
    char *path = NULL;
    if (dladdr(&is_program, &info) && info.dli_fname)
        path = realpath(info.dli_fname, NULL);
    if (path)
        lua_pushstring(L, path);
    else
        lua_pushnil(L);
    free(path);
    return 1;
}

/* is_executable(path) -> whether there is a file that may be executed. */
static int l_is_executable(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct stat info;
    lua_pushboolean(L, stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0);
    return 1;
}

/* ignores_environment() -> whether the interpreter was started with -E. */
static int l_ignores_environment(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    lua_pushboolean(L, lua_toboolean(L, -1));
    return 1;
}

/* --- the greeting ------------------------------------------------------------------------- */

crun__greeting crun__greeting_plain(void)
{
    crun__greeting g = {
        .magic = "crunwork",
        .size = sizeof g,
        .protocol = CRUN__WORKER_PROTOCOL,
        .version = CRUN_VERSION,
        .abi = CRUN_ABI,
        .clone = CRUN__CLONE_VERSION,
        .lua = LUA_VERSION_NUM,
        .parent = (int32_t)getpid(),
    };
    return g;
}

/*
 * greet(fd) -> true | nil, message, code: writes the greeting to the parent's end of a worker's
 * port. It fits into the buffer of any socket that nothing has been written to. Switches: never.
 */
static int l_greet(lua_State *L)
{
    int fd = (int)luaL_checkinteger(L, 1);
    crun__greeting g = crun__greeting_plain();
    memcpy(g.key, crun__clone_key(), sizeof g.key);
    ssize_t n;
    do {
        n = send(fd, &g, sizeof g, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof g)
        return crun__lua_fail(L, n < 0 ? -errno : CRUN_EAGAIN);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- tasks of two sides ------------------------------------------------------------------- */

/*
 * raise(err, traceback): raises at the end of a task what was raised elsewhere, with the traceback
 * from there. Nothing may catch it.
 */
static int l_raise(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TSTRING);
    lua_settop(L, 2);
    crun_task *self = crun__lua_self(L);
    crun__ltask_push(L, (ltask *)self);
    lua_pushvalue(L, 2);
    crun__ltask_set_field(L, -2, LTASK_TRACEBACK);
    lua_settop(L, 1);
    return lua_error(L);
}

/*
 * await_tasks(): waits until every other task that is no daemon has ended. For the main task.
 * Switches: may. Raises: a cancel, a deadlock.
 */
static int l_await_tasks(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    int rc = crun_hub_run(crun__hub);
    return rc < 0 ? crun__lua_raise(L, self, rc) : 0;
}

/* is_interrupted() -> whether a signal has cancelled everything. */
static int l_is_interrupted(lua_State *L)
{
    lua_pushboolean(L, crun__universe && crun__universe->interrupt);
    return 1;
}

/* crun.cpu_count and getpid; core.workers for the faces. */
void crun__open_worker(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"cpu_count", l_cpu_count}, {"getpid", l_getpid}, {NULL, NULL}};
    static const luaL_Reg internal[] = {
        {"own_program", l_own_program},
        {"module_file", l_module_file},
        {"is_executable", l_is_executable},
        {"ignores_environment", l_ignores_environment},
        {"greet", l_greet},
        {"raise", l_raise},
        {"await_tasks", l_await_tasks},
        {"process_name", l_process_name},
        {"is_interrupted", l_is_interrupted},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newlib(L, internal);
    lua_setfield(L, -2, "workers");
    lua_pop(L, 1);
}
