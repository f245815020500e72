/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <crun/version.h>
#include <lauxlib.h>

#include "lmonitor.h"
#include "prog.h"

/*
 * An option that takes a value has it attached, or as the next argument unless that is an option
 * too.
 */
static bool has_value(char **option)
{
    return option[0][2] != '\0' || (option[1] && option[1][0] != '-');
}

static bool is_attached(const char *option)
{
    return option[2] != '\0';
}

static void misuse(crun__options *o, const char *argument)
{
    o->action = CRUN__PROG_MISUSE;
    o->bad = argument;
}

enum { WATCHDOG_MS = 1000, PREEMPT_MS = 10, MOST_MS = 1000000000, MOST_WORKERS = 10000 };

/*
 * The milliseconds of "--name" or "--name=ms". Returns: 0 when the argument is another option or no
 * such number.
 */
static int read_milliseconds(const char *argument, const char *name, int usual)
{
    size_t size = strlen(name);
    if (strncmp(argument, name, size) != 0)
        return 0;
    argument += size;
    if (*argument == '\0')
        return usual;
    char *end;
    long ms = *argument == '=' && isdigit((unsigned char)argument[1])
                  ? strtol(argument + 1, &end, 10)
                  : 0;
    return ms > 0 && ms <= MOST_MS && *end == '\0' ? (int)ms : 0;
}

static bool read_limit(crun__options *o, const char *argument)
{
    int watchdog = read_milliseconds(argument, "--watchdog", WATCHDOG_MS);
    int preempt = read_milliseconds(argument, "--preempt", PREEMPT_MS);
    if (watchdog)
        o->watchdog = watchdog;
    if (preempt)
        o->preempt = preempt;
    return watchdog || preempt;
}

/* The value of "--name=value" or "--name value"; NULL: another option, or no value. */
static const char *long_value(char **argument, const char *name, int *used)
{
    size_t size = strlen(name);
    const char *option = *argument;
    if (strncmp(option, name, size) != 0)
        return NULL;
    *used = option[size] == '=' ? 1 : 2;
    if (option[size] == '=')
        return option + size + 1;
    return option[size] == '\0' ? argument[1] : NULL;
}

static bool is_count(const char *text)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    long n = strtol(text, &end, 10);
    return n > 0 && n <= MOST_WORKERS && *end == '\0';
}

static bool is_seconds(const char *text)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    double seconds = strtod(text, &end);
    return seconds <= MOST_MS && *end == '\0';
}

/* Returns: whether it is --workers or --grace with such a value, and there may be more options. */
static bool read_workers(crun__options *o, char **argument)
{
    int used;
    const char *workers = long_value(argument, "--workers", &used);
    const char *grace = workers ? NULL : long_value(argument, "--grace", &used);
    if (workers && (is_count(workers) || strcmp(workers, "auto") == 0))
        o->workers = workers;
    else if (grace && is_seconds(grace))
        o->grace = grace;
    else
        return false;
    o->end += used;
    return true;
}

int crun__options_masters(char **argument)
{
    int used;
    if (long_value(argument, "--workers", &used) || long_value(argument, "--grace", &used))
        return used;
    return 0;
}

/* What the master starts a worker with: no user's option either. */
static bool read_prefork(crun__options *o, char **argument)
{
    int used;
    const char *id = long_value(argument, "--prefork", &used);
    if (!id || !is_count(id))
        return false;
    o->prefork = id;
    o->end += used;
    return true;
}

/* What starts a worker process: no user's option, and in no help text. Its name follows. */
static bool read_worker(crun__options *o, const char *argument)
{
    if (strcmp(argument, "--worker") != 0)
        return false;
    o->action = CRUN__PROG_WORKER;
    o->end++;
    return true;
}

/*
 * "--" ends the options; two words may follow it, which lua(1) refuses. Returns: whether to go on.
 */
static bool read_long(crun__options *o, char **place)
{
    const char *argument = *place;
    if (read_limit(o, argument)) {
        o->end++;
        return true;
    }
    if (read_workers(o, place) || read_prefork(o, place))
        return true;
    if (read_worker(o, argument))
        return false;
    if (strcmp(argument, "--help") == 0)
        o->action = CRUN__PROG_HELP;
    else if (strcmp(argument, "--version") == 0)
        o->action = CRUN__PROG_VERSION;
    else if (argument[2] != '\0')
        misuse(o, argument);
    else
        o->end++;
    return false;
}

/* Returns: how many arguments the option is made of, 0 when it is none. */
static int read_short(crun__options *o, char **argument)
{
    char letter = argument[0][1];
    if (letter == 'e' || letter == 'l') {
        o->statements |= letter == 'e';
        return !has_value(argument) ? 0 : is_attached(argument[0]) ? 1 : 2;
    }
    if (is_attached(argument[0]))
        return 0;
    switch (letter) {
    case 'E':
        o->ignore_env = true;
        return 1;
    case 'i':
        o->interactive = o->banner = true;
        return 1;
    case 'v':
        o->banner = true;
        return 1;
    case 'W':
        return 1;
    default:
        return 0;
    }
}

/* Returns: whether there may be more options. */
static bool read_one(crun__options *o, char **argv)
{
    char **argument = argv + o->end;
    if (!*argument || (*argument)[0] != '-' || (*argument)[1] == '\0')
        return false;
    if ((*argument)[1] == '-')
        return read_long(o, argument);
    int used = read_short(o, argument);
    if (!used)
        misuse(o, *argument);
    o->end += used;
    return used > 0;
}

/* Whether there is a script that more than one process can read. */
static bool has_file(const crun__options *o, char **argv)
{
    return o->script && !o->interactive && strcmp(argv[o->end], "-") != 0;
}

crun__options crun__options_read(char **argv)
{
    crun__options o = {.action = CRUN__PROG_RUN, .end = argv[0] ? 1 : 0};
    while (read_one(&o, argv))
        continue;
    o.script = argv[o.end] != NULL;
    if (o.action == CRUN__PROG_WORKER && !o.script)
        misuse(&o, argv[o.end - 1]);
    if (o.action == CRUN__PROG_RUN && o.workers && !has_file(&o, argv))
        misuse(&o, NULL);
    return o;
}

/* "mod" or "global=mod". */
static bool run_library(lua_State *L, const char *value)
{
    const char *equals = strchr(value, '='), *module = equals ? equals + 1 : value;
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    if (!crun__prog_report(L, crun__prog_call(L, 1, 1)))
        return false;
    lua_pushglobaltable(L);
    lua_pushlstring(L, value, equals ? (size_t)(equals - value) : strlen(value));
    lua_pushvalue(L, -3);
    lua_settable(L, -3);
    lua_pop(L, 2);
    return true;
}

static bool run_statement(lua_State *L, const char *text)
{
    return crun__prog_run(L, luaL_loadbuffer(L, text, strlen(text), "=(command line)"));
}

int crun__options_watch(const crun__options *o)
{
    int rc = 0;
    if (o->watchdog)
        rc = crun__monitor_watch((crun_time)o->watchdog * 1000000);
    if (rc == 0 && o->preempt)
        rc = crun__monitor_preempt((crun_time)o->preempt * 1000000);
    return rc;
}

bool crun__options_run(lua_State *L, const crun__options *o, char **argv)
{
    for (int i = 1; i < o->end; i++) {
        const char *argument = argv[i];
        char letter = argument[1];
        if (letter == 'W')
            lua_warning(L, "@on", 0);
        if (letter != 'e' && letter != 'l') /* what begins with "--" neither */
            continue;
        const char *value = is_attached(argument) ? argument + 2 : argv[++i];
        if (!(letter == 'e' ? run_statement(L, value) : run_library(L, value)))
            return false;
    }
    return true;
}

static void usage(FILE *out)
{
    (void)fprintf(out,
                  "usage: %s [options] [script [args]]\n"
                  "Available options are:\n"
                  "  -e stat   execute string 'stat'\n"
                  "  -i        enter interactive mode after executing 'script'\n"
                  "  -l mod    require library 'mod' into global 'mod'\n"
                  "  -l g=mod  require library 'mod' into global 'g'\n"
                  "  -v        show version information\n"
                  "  -E        ignore environment variables\n"
                  "  -W        turn warnings on\n"
                  "  --        stop handling options\n"
                  "  -         stop handling options and execute stdin\n"
                  "  --preempt[=ms]   tasks that compute longer let others run (10 ms)\n"
                  "  --watchdog[=ms]  report tasks that hold the hub longer (1000 ms)\n"
                  "  --workers n      run 'script' in n processes (or 'auto') that share their\n"
                  "                   listening sockets, and keep them alive\n"
                  "  --grace s        seconds that their connections get at the end (30)\n"
                  "  --help    show this help\n"
                  "  --version show the versions of crun, Lua and libuv\n",
                  crun__prog_name());
    (void)fflush(out);
}

/* What is wrong with `bad`. */
static const char *complaint(const char *bad)
{
    if (!bad)
        return "'--workers' needs a script that is a file, and goes without -i";
    if (bad[1] == 'e' || bad[1] == 'l')
        return "'%s' needs argument";
    if (strncmp(bad, "--workers", strlen("--workers")) == 0)
        return "'%s' needs a number of processes, or 'auto'";
    if (strncmp(bad, "--grace", strlen("--grace")) == 0)
        return "'%s' needs a number of seconds";
    return "unrecognized option '%s'";
}

void crun__options_misuse(const crun__options *o)
{
    (void)fprintf(stderr, "%s: ", crun__prog_name());
    (void)fprintf(stderr, complaint(o->bad), o->bad);
    (void)fputc('\n', stderr);
    usage(stderr);
}

void crun__options_help(void)
{
    usage(stdout);
}

void crun__options_version(void)
{
    printf("crun %s\n%s\nlibuv %s\n", CRUN_VERSION, LUA_RELEASE, crun_libuv_version());
    (void)fflush(stdout);
}

void crun__options_banner(void)
{
    puts(LUA_COPYRIGHT);
    (void)fflush(stdout);
}

void crun__options_greeting(void)
{
    printf("crun %s, libuv %s, ", CRUN_VERSION, crun_libuv_version());
    crun__options_banner();
}
