/*
 * SPDX-License-Identifier: MIT
 *
 * Child: a process that was started here, for the faces of workers and subprocesses.
 */
#include <stdlib.h>
#include <string.h>

#include "../runtime/process.h"
#include "lstream.h"

typedef struct lprocess {
    crun__object object;
    crun_process *process; /* NULL: finalized */
} lprocess;

static const crun__class class;

static crun_process *check(lua_State *L)
{
    const lprocess *p = crun__object_check(L, 1, &class);
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

static int push_ended(lua_State *L)
{
    crun_exit exit;
    int rc = crun_process_poll(check(L), &exit);
    return push_exit(L, rc, &exit);
}

static int wait_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : push_ended(L);
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
        return push_ended(L);
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
    lprocess *p = crun__object_check(L, 1, &class);
    if (p->process)
        crun_process_release(p->process);
    p->process = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"wait", l_wait}, {"poll", l_poll}, {"kill", l_kill}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {"__gc", l_gc}, {NULL, NULL}};

static const crun__class class = {"crun.Child", NULL, metamethods, sizeof(lprocess), 0};

/* --- starting: options of the table at index 1 -------------------------------------------- */

static int bad_option(lua_State *L, const char *name, const char *expected)
{
    const char *text = lua_pushfstring(L, "option '%s': %s expected", name, expected);
    return luaL_argerror(L, 1, text);
}

/* The string stays in the options' table, or in the list in it, as long as the call lasts. */
static const char *to_text(lua_State *L, const char *name)
{
    size_t size;
    if (lua_type(L, -1) != LUA_TSTRING)
        bad_option(L, name, "string");
    const char *text = lua_tolstring(L, -1, &size);
    if (strlen(text) != size)
        bad_option(L, name, "string without zero bytes");
    lua_pop(L, 1);
    return text;
}

static const char *get_text(lua_State *L, const char *name)
{
    if (lua_getfield(L, 1, name) != LUA_TNIL)
        return to_text(L, name);
    lua_pop(L, 1);
    return NULL;
}

/* A list of strings, ended by a NULL; its memory is left on the stack. NULL: there is none. */
static char **get_texts(lua_State *L, const char *name)
{
    int type = lua_getfield(L, 1, name);
    if (type == LUA_TNIL)
        return NULL;
    if (type != LUA_TTABLE)
        bad_option(L, name, "list of strings");
    int list = lua_gettop(L);
    size_t count = lua_rawlen(L, list);
    char **texts = lua_newuserdatauv(L, (count + 1) * sizeof *texts, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        texts[i] = (char *)to_text(L, name);
    }
    texts[count] = NULL;
    return texts;
}

static bool get_flag(lua_State *L, const char *name)
{
    int type = lua_getfield(L, 1, name);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        bad_option(L, name, "boolean");
    bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

static crun_process_fd source_of_stream(lua_State *L, const lstream *stream)
{
    int fd = stream->opened.stream ? crun_stream_fd(stream->opened.stream) : CRUN_ECLOSED;
    if (fd < 0)
        bad_option(L, "fds", "open Stream");
    return (crun_process_fd){.source = fd, .blocking = true};
}

/* The value on top, for that descriptor of the child. */
static crun_process_fd to_source(lua_State *L, int target)
{
    int is_integer;
    lua_Integer fd = lua_tointegerx(L, -1, &is_integer);
    if (lua_type(L, -1) == LUA_TNUMBER && is_integer && fd >= 0 && fd <= INT32_MAX)
        return (crun_process_fd){.source = (int)fd};
    const lstream *stream = crun__object_test(L, -1, &crun__stream_class);
    if (stream)
        return source_of_stream(L, stream);
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(word, "inherit") == 0)
        return (crun_process_fd){.source = target};
    if (strcmp(word, "null") != 0)
        bad_option(L, "fds", "a descriptor, a Stream, \"inherit\" or \"null\" as each value");
    return (crun_process_fd){.source = CRUN_FD_NULL};
}

static int to_target(lua_State *L, int index)
{
    int is_integer;
    lua_Integer target = lua_tointegerx(L, index, &is_integer);
    if (lua_type(L, index) != LUA_TNUMBER || !is_integer || target < 0 || target > 255)
        bad_option(L, "fds", "a descriptor from 0 to 255 as each key");
    return (int)target;
}

/* What is inherited among 0 to 2 is so without being asked for, and may be closed here. */
static bool needed(const crun_process_fd *fd)
{
    return fd->target > 2 || fd->source != fd->target;
}

/* Leaves their memory on the stack. */
static void get_fds(lua_State *L, crun_process_options *o)
{
    if (lua_getfield(L, 1, "fds") == LUA_TNIL)
        return;
    if (!lua_istable(L, -1))
        bad_option(L, "fds", "table");
    int table = lua_gettop(L);
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        count++;
    o->fds = lua_newuserdatauv(L, (count + 1) * sizeof *o->fds, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        int target = to_target(L, -2);
        crun_process_fd fd = to_source(L, target);
        fd.target = target;
        if (needed(&fd))
            o->fds[o->fd_count++] = fd;
    }
}

static void get_options(lua_State *L, crun_process_options *o)
{
    static const char *const known[] = {"file", "args",  "env",     "cwd",
                                        "fds",  "group", "session", NULL};
    crun__lua_checkoptions(L, 1, known);
    o->file = get_text(L, "file");
    o->args = get_texts(L, "args");
    if (!o->file || !o->args || !o->args[0])
        bad_option(L, o->file ? "args" : "file", o->file ? "list of at least the name" : "string");
    o->env = get_texts(L, "env");
    o->cwd = get_text(L, "cwd");
    o->group = get_flag(L, "group");
    o->session = get_flag(L, "session");
    get_fds(L, o);
}

static int fail(lua_State *L, int rc, const crun_process_options *o, crun_process_step step)
{
    static const char *const steps[] = {[CRUN_PROCESS_PREPARE] = "",
                                        [CRUN_PROCESS_CWD] = "folder ",
                                        [CRUN_PROCESS_FDS] = "descriptors of ",
                                        [CRUN_PROCESS_GROUP] = "process group of ",
                                        [CRUN_PROCESS_EXEC] = ""};
    int count = crun__lua_fail(L, rc);
    lua_pushfstring(L, "%s: %s%s", lua_tostring(L, -2), steps[step],
                    step == CRUN_PROCESS_CWD ? o->cwd : o->file);
    lua_replace(L, -3);
    return count;
}

/*
 * child{file=, args=, env=, cwd=, fds=, group=, session=} -> Child | nil, message, code. args: the
 * program's name for itself, and its arguments. env: a list of "NAME=value", absent: ours. fds: by
 * the child's descriptors a descriptor, a Stream, "inherit" or "null". file is looked for in the
 * child's PATH. Switches: never.
 */
static int l_child(lua_State *L)
{
    crun_process_step step = CRUN_PROCESS_PREPARE;
    crun_process_options options = {.size = sizeof options, .step = &step};
    lua_settop(L, 1);
    crun__lua_self(L);
    get_options(L, &options);
    lprocess *p = crun__object_new(L, &class);
    int rc = crun_process_start(crun__hub, &options, &p->process);
    return rc < 0 ? fail(L, rc, &options, step) : 1;
}

void crun__open_process(lua_State *L)
{
    static const luaL_Reg functions[] = {{"child", l_child}, {NULL, NULL}};
    crun__class_open(L, &class, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, class.name);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    crun__open_functions(L, functions);
}
