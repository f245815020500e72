/*
 * SPDX-License-Identifier: MIT
 *
 * crun.core.child: starting a process, and what it is given.
 */
#include <stdio.h>
#include <string.h>

#include "lprocess.h"
#include "lstream.h"

/* --- options, those of the table at index 1 ----------------------------------------------- */

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

/* What has been written to it so far comes before what the child writes. */
static crun_process_fd source_of_file(lua_State *L, const luaL_Stream *file)
{
    if (!file->closef)
        bad_option(L, "fds", "open file");
    (void)fflush(file->f);
    return (crun_process_fd){.source = fileno(file->f)};
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
    luaL_Stream *file = luaL_testudata(L, -1, LUA_FILEHANDLE);
    if (file)
        return source_of_file(L, file);
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(word, "inherit") == 0)
        return (crun_process_fd){.source = target};
    if (strcmp(word, "null") != 0)
        bad_option(L, "fds",
                   "a descriptor, a Stream, a file, \"inherit\" or \"null\" as each value");
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
 * the child's descriptors a descriptor, a Stream, a file, "inherit" or "null". file is looked for
 * in the child's PATH. Switches: never.
 */
int crun__l_child(lua_State *L)
{
    crun_process_step step = CRUN_PROCESS_PREPARE;
    crun_process_options options = {.size = sizeof options, .step = &step};
    lua_settop(L, 1);
    crun__lua_self(L);
    get_options(L, &options);
    lprocess *p = crun__object_new(L, &crun__child_class);
    int rc = crun_process_start(crun__hub, &options, &p->process);
    return rc < 0 ? fail(L, rc, &options, step) : 1;
}
