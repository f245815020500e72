/*
 * SPDX-License-Identifier: MIT
 *
 * The program as a worker process: `crun --worker NAME`, started by crun alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <crun/error.h>
#include <lauxlib.h>

#include "lsignal.h"
#include "lworker.h"
#include "prog.h"

static bool refuse(const char *why)
{
    crun__prog_say(why);
    return false;
}

static bool is_socket(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

/* The socket may be one that does not block. Returns: how much came before its end. */
static size_t read_some(int fd, void *to, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, (char *)to + have, size - have);
        struct pollfd in = {.fd = fd, .events = POLLIN};
        if (n > 0)
            have += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            (void)poll(&in, 1, -1);
        else if (n == 0 || errno != EINTR)
            break;
    }
    return have;
}

static bool refuse_version(const crun__greeting *theirs)
{
    (void)fprintf(stderr, "%s: the program is crun %s, and cannot be a worker of crun %.*s\n",
                  crun__prog_name(), crun__greeting_plain().version, CRUN__GREETING_VERSION,
                  theirs->version);
    return false;
}

static bool fits(const crun__greeting *theirs)
{
    crun__greeting mine = crun__greeting_plain();
    return theirs->size == mine.size && theirs->protocol == mine.protocol &&
           memcmp(theirs->version, mine.version, sizeof mine.version) == 0 &&
           theirs->abi == mine.abi && theirs->clone == mine.clone && theirs->lua == mine.lua;
}

/* Returns: whether it is a greeting that this program can answer to; else has said why not. */
static bool read_greeting(int fd, crun__greeting *g)
{
    enum { COMMON = offsetof(crun__greeting, abi) };
    if (!is_socket(fd) || read_some(fd, g, COMMON) < COMMON ||
        memcmp(g->magic, crun__greeting_plain().magic, sizeof g->magic) != 0)
        return refuse("--worker is how crun starts its own worker processes");
    if (g->size != sizeof *g)
        return refuse_version(g);
    size_t rest = sizeof *g - COMMON;
    if (read_some(fd, (char *)g + COMMON, rest) < rest)
        return false; /* it has died: there is nobody to tell */
    return fits(g) || refuse_version(g);
}

bool crun__prog_greeted(int32_t *parent)
{
    crun__greeting g;
    if (!read_greeting(CRUN__WORKER_PORT, &g))
        return false;
    (void)fcntl(CRUN__WORKER_PORT, F_SETFD, FD_CLOEXEC);
    (void)prctl(PR_SET_NAME, "crun");
    crun__clone_set_key(g.key);
    explicit_bzero(g.key, sizeof g.key);
    *parent = g.parent;
    return true;
}

bool crun__prog_worker_begin(const char *name)
{
    int32_t parent;
    crun__worker_set_name(name);
    if (!crun__prog_greeted(&parent))
        return false;
    crun__signals_set_parent(parent);
    int rc = crun__prog_lifeline(CRUN__WORKER_PORT, parent);
    return rc == 0 || refuse(crun_error_text(rc));
}

/* core.port_open(port) and the main function of crun.worker are what a worker is made of. */
static int serve(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "crun.worker");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "crun.core");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "port_open");
    lua_remove(L, -2);
    lua_pushinteger(L, CRUN__WORKER_PORT);
    lua_call(L, 1, 1);
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "process");
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, crun__worker_name());
    lua_setfield(L, -2, "name");
    lua_call(L, 2, 1);
    return 1;
}

/* The status that was set before. No Lua code runs, in which another signal could strike. */
static int status_so_far(lua_State *L)
{
    int top = lua_gettop(L);
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, "crun.worker") == LUA_TTABLE)
        lua_getfield(L, -1, "status");
    int status = (int)lua_tointeger(L, -1);
    lua_settop(L, top);
    return status;
}

/*
 * What a cancel of everything ends is no failure. It may come when all has been said but for the
 * goodbye, since the parent then closes the port.
 */
int crun__prog_worker_run(lua_State *L)
{
    lua_pushcfunction(L, serve);
    int rc = crun__prog_call(L, 0, 1);
    if (rc != LUA_OK && crun__signals_taken()) {
        lua_pop(L, 1);
        return status_so_far(L);
    }
    if (!crun__prog_report(L, rc))
        return CRUN__EXIT_ERROR;
    int status = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return status;
}

/* The port's end, which the parent closes when it has heard enough, must not end it otherwise. */
void crun__prog_worker_ending(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* The parent learns which signal it was. */
int crun__prog_worker_end(int status)
{
    int signo = crun__signals_taken();
    if (!signo || crun__signals_asked())
        return status;
    (void)fflush(NULL);
    crun__signals_die(signo);
}
