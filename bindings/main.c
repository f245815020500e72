/*
 * SPDX-License-Identifier: MIT
 *
 * The `crun` program: lua(1) with a hub.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <crun/hub.h>
#include <crun/lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "ldrain.h"
#include "lnewstate.h"
#include "lsignal.h"
#include "lspawn.h"
#include "lworker.h"
#include "prog.h"

/* What the protected part of the program works on. */
typedef struct program {
    crun_hub *hub;
    crun__options options;
    char **argv;
    bool attached;
    int status; /* the exit status it came to */
} program;

static bool is_worker(const program *p)
{
    return p->options.action == CRUN__PROG_WORKER;
}

/*
 * The global `arg`: the script at 0, its arguments after it, what stood before it at negative
 * indices.
 */
static void set_arg(lua_State *L, const program *p)
{
    int script = p->options.script ? p->options.end : 0;
    lua_newtable(L);
    for (int i = 0; p->argv[i]; i++) {
        lua_pushstring(L, p->argv[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");
}

/* The process's main state's. */
static crun__newstate state;

/* os.exit: with a true second argument the state is closed, and the tasks have to end before. */
static int exit_in_order(lua_State *L)
{
    int status;
    if (lua_isboolean(L, 1))
        status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    else
        status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    if (lua_toboolean(L, 2)) {
        crun__lua_exit(L);
        lua_close(L);
    }
    exit(status);
}

static void replace_exit(lua_State *L)
{
    lua_getglobal(L, "os");
    lua_pushcfunction(L, exit_in_order);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
}

static void open_libraries(lua_State *L, const program *p)
{
    if (p->options.ignore_env) {
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
    replace_exit(L);
    crun__newstate_trim(L, &state);
    crun__prog_preload(L);
    if (!is_worker(p)) /* it gets its parent's, if that sends functions that use it */
        set_arg(L, p);
}

/* LUA_INIT: a chunk, or "@" and the name of a file. */
static bool run_init(lua_State *L)
{
    const char *name = "LUA_INIT_5_4", *init = getenv(name);
    if (!init) {
        name = "LUA_INIT";
        init = getenv(name);
    }
    if (!init)
        return true;
    if (*init == '@')
        return crun__prog_run(L, luaL_loadfile(L, init + 1));
    const char *chunk = lua_pushfstring(L, "=%s", name);
    bool ok = crun__prog_run(L, luaL_loadbuffer(L, init, strlen(init), chunk));
    lua_pop(L, 1);
    return ok;
}

/*
 * Pushes what stands in `arg` by now, which an -e or LUA_INIT may have changed. Returns: how many.
 */
static int push_arguments(lua_State *L)
{
    if (lua_getglobal(L, "arg") != LUA_TTABLE)
        luaL_error(L, "'arg' is not a table");
    int table = lua_gettop(L), n = (int)luaL_len(L, table);
    luaL_checkstack(L, n + 3, "too many arguments to script");
    for (int i = 1; i <= n; i++)
        lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return n;
}

/* A script named "-" is the standard input, unless "--" stands before it. */
static bool run_script(lua_State *L, const program *p)
{
    char **argument = p->argv + p->options.end;
    const char *name = *argument;
    if (strcmp(name, "-") == 0 && strcmp(argument[-1], "--") != 0)
        name = NULL;
    int status = luaL_loadfile(L, name);
    if (status == LUA_OK)
        status = crun__prog_call(L, push_arguments(L), 0);
    return crun__prog_report(L, status);
}

/* Without a script: prompts at a terminal, else runs the standard input. */
static bool run_input(lua_State *L)
{
    if (!isatty(STDIN_FILENO))
        return crun__prog_run(L, luaL_loadfile(L, NULL));
    crun__options_greeting();
    crun__prog_repl(L);
    return true;
}

static bool run(lua_State *L, const program *p)
{
    const crun__options *o = &p->options;
    if (o->prefork && !crun__prog_prefork_run(L, o->prefork))
        return false;
    if (o->banner)
        crun__options_banner();
    if (!o->ignore_env && !run_init(L))
        return false;
    if (!crun__options_run(L, o, p->argv))
        return false;
    if (o->script && !run_script(L, p))
        return false;
    if (o->interactive)
        crun__prog_repl(L);
    else if (!o->script && !o->statements && !o->banner)
        return run_input(L);
    return true;
}

/* Runs what the process is for. Returns: whether all went well; a failure has been reported. */
static bool run_any(lua_State *L, program *p)
{
    if (is_worker(p))
        p->status = crun__prog_worker_run(L);
    else if (p->options.workers)
        return crun__prog_master_run(L, &p->options, p->argv, &p->status);
    else
        return run(L, p);
    return true;
}

static int run_protected(lua_State *L)
{
    program *p = lua_touserdata(L, 1);
    luaL_checkversion(L);
    open_libraries(L, p);
    int rc = crun_lua_attach(L, p->hub);
    if (rc < 0)
        luaL_error(L, "cannot attach a hub: %s", crun_error_text(rc));
    p->attached = true;
    crun__prog_track();
    crun__signals_take(p->hub, true);
    rc = crun__options_watch(&p->options);
    if (rc < 0)
        luaL_error(L, "cannot look after the tasks: %s", crun_error_text(rc));
    lua_pushboolean(L, run_any(L, p));
    return 1;
}

/* A signal can strike on the way out, when all that may catch a cancel has been left. */
static bool call_protected(lua_State *L, const program *p)
{
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc == LUA_OK || !is_worker(p) || !crun__signals_taken())
        return crun__prog_report(L, rc) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return true;
}

/* Tasks that a deadlock has been reported for are not waited for once more. */
static void finish(lua_State *L, program *p, bool ok)
{
    bool deadlocked = crun__prog_deadlocked();
    int rc = crun_lua_finish(L, deadlocked ? CRUN_LUA_CANCEL : 0);
    bool in_order = crun__drain_over();
    if (p->options.workers && ok)
        return; /* a signal is how it is told to end */
    if (crun__signals_taken() && !in_order && !crun__signals_asked())
        p->status = CRUN__EXIT_SIGNAL + crun__signals_taken();
    else if (deadlocked || rc == CRUN_EDEADLK)
        p->status = CRUN__EXIT_DEADLOCK;
    else if (!ok || (rc < 0 && !in_order) || crun_lua_failures(L) > 0)
        p->status = CRUN__EXIT_ERROR;
}

/* The stack of C calls below a script is lua(1)'s, so that tracebacks look the same. */
static int run_program(program *p)
{
    lua_State *L = crun__newstate_open(&state);
    if (!L) {
        crun__prog_say("cannot create state: not enough memory");
        return CRUN__EXIT_ERROR;
    }
    int rc = crun_hub_new(&p->hub, NULL);
    if (rc < 0) {
        crun__prog_say(lua_pushfstring(L, "cannot create a hub: %s", crun_error_text(rc)));
        crun__newstate_close(L, &state);
        return CRUN__EXIT_ERROR;
    }
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, p);
    bool ok = call_protected(L, p);
    if (p->attached)
        finish(L, p, ok);
    else
        p->status = CRUN__EXIT_ERROR;
    crun__newstate_close(L, &state);
    if (is_worker(p) || p->options.prefork)
        crun__prog_worker_ending();
    crun__signals_give_back(p->hub);
    crun_hub_free(p->hub);
    return p->status;
}

int main(int argc, char **argv)
{
    (void)argc;
    program p = {.options = crun__options_read(argv), .argv = argv};
    if (argv[0] && argv[0][0])
        crun__prog_set_name(argv[0]);
    crun__worker_set_program();
    switch (p.options.action) {
    case CRUN__PROG_HELP:
        crun__options_help();
        return CRUN__EXIT_OK;
    case CRUN__PROG_VERSION:
        crun__options_version();
        return CRUN__EXIT_OK;
    case CRUN__PROG_MISUSE:
        crun__options_misuse(&p.options);
        return CRUN__EXIT_ERROR;
    case CRUN__PROG_WORKER:
        if (!crun__prog_worker_begin(argv[p.options.end]))
            return CRUN__EXIT_ERROR;
        return crun__prog_worker_end(run_program(&p));
    case CRUN__PROG_RUN:
        if (p.options.prefork && !crun__prog_prefork_begin(p.options.prefork))
            return CRUN__EXIT_ERROR;
        break;
    }
    return run_program(&p);
}
