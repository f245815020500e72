/*
 * SPDX-License-Identifier: MIT
 *
 * What the files of the `crun` program share. The program behaves as lua(1) does and is a hub
 * besides: the main chunk runs on the process's own C stack and its own lua_State, as the hub's
 * main task.
 */
#ifndef CRUN__PROG_H
#define CRUN__PROG_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

enum crun__exit {
    CRUN__EXIT_OK = 0,
    CRUN__EXIT_ERROR = 1,    /* also a task's failure that nobody looked at, and wrong usage */
    CRUN__EXIT_DEADLOCK = 2, /* every task waited for what nothing could bring */
    CRUN__EXIT_SIGNAL = 128  /* plus the signal's number */
};

/* --- prog_options.c ----------------------------------------------------------------------- */

enum crun__prog_action {
    CRUN__PROG_RUN,
    CRUN__PROG_HELP,
    CRUN__PROG_VERSION,
    CRUN__PROG_WORKER,
    CRUN__PROG_MISUSE
};

/* What the command line asks for. */
typedef struct crun__options {
    enum crun__prog_action action;
    bool ignore_env;     /* -E */
    bool interactive;    /* -i */
    bool banner;         /* -v, or implied by -i */
    bool statements;     /* there is an -e */
    int watchdog;        /* --watchdog: milliseconds; 0: none was asked for */
    int preempt;         /* --preempt: the same */
    int end;             /* the first argument that is no option */
    bool script;         /* there is one at `end`; CRUN__PROG_WORKER: there is its name */
    const char *workers; /* --workers: a number or "auto"; NULL: not given */
    const char *grace;   /* --grace: a number of seconds; NULL: not given */
    const char *prefork; /* --prefork: which of the workers this is; NULL: none */
    const char *bad;     /* the argument at fault, for CRUN__PROG_MISUSE */
} crun__options;

/* Turns on what --watchdog and --preempt ask for. Returns: 0, or CRUN_ENOMEM. */
int crun__options_watch(const crun__options *options);

/* Reads argv, which ends with a NULL; runs nothing. */
crun__options crun__options_read(char **argv);

/*
 * Carries out the options that run something (-e, -l, -W), in their order, up to options->end.
 * Returns: whether none failed; a failure has been reported.
 */
bool crun__options_run(lua_State *L, const crun__options *options, char **argv);

/*
 * How many arguments from this one on are --workers or --grace with its value: the options that a
 * worker is not told. 0: it is another one.
 */
int crun__options_masters(char **argument);

/* Says on stderr what is wrong, and how the program is used. */
void crun__options_misuse(const crun__options *options);

/* Prints what --help, --version and -v print, and what greets at a terminal. */
void crun__options_help(void);
void crun__options_version(void);
void crun__options_banner(void);
void crun__options_greeting(void);

/* --- prog_call.c -------------------------------------------------------------------------- */

/* The name that errors are reported under, argv[0] as a rule; NULL: without any. */
void crun__prog_set_name(const char *name);
const char *crun__prog_name(void);

/* Prints one line on stderr, under the program's name. */
void crun__prog_say(const char *message);

/*
 * Calls the function below its nargs arguments. An error is turned into text with a traceback, as
 * lua(1) does it. Returns: the status, LUA_OK or an error's, with the results or the text pushed.
 */
int crun__prog_call(lua_State *L, int nargs, int nresults);

/* Prints and pops the error that stands on top if status says so. Returns: whether all is well. */
bool crun__prog_report(lua_State *L, int status);

/* Runs what was loaded; status is what loading it returned. Returns: whether all went well. */
bool crun__prog_run(lua_State *L, int status);

/* Whether the last call ended in a deadlock that nobody caught. */
bool crun__prog_deadlocked(void);

/* --- prog_worker.c ------------------------------------------------------------------------ */

/*
 * Before there is a state: reads the parent's greeting, and looks after its death from now on.
 * `name` must stay. Returns: whether this is a worker; if not, has said why.
 */
bool crun__prog_worker_begin(const char *name);

/* Serves the parent until it wants nothing more. Returns: the exit status. */
int crun__prog_worker_run(lua_State *L);

/* Reads the greeting of whoever has started this process. Returns and says as begin does. */
bool crun__prog_greeted(int32_t *parent);

/* Nothing runs any more: from now on no signal disturbs the end. */
void crun__prog_worker_ending(void);

/* At the very end: the exit status, unless the process ends by a signal that has come. */
int crun__prog_worker_end(int status);

/* --- prog_lifeline.c ---------------------------------------------------------------------- */

/* Ends the process when the port's other end closes. Returns: 0 or a code. */
int crun__prog_lifeline(int port, int32_t parent_id);

/* --- prog_prefork.c ----------------------------------------------------------------------- */

/*
 * --workers: the process that starts the workers and runs no script. Returns: whether it came to
 * its end, with the exit status; if not, has said why.
 */
bool crun__prog_master_run(lua_State *L, const crun__options *options, char **argv, int *status);

/*
 * One of the workers: as crun__prog_worker_begin; and, before anything else runs in the state, what
 * makes listening sockets come from the master. Returns: whether all is well; if not, has said so.
 */
bool crun__prog_prefork_begin(const char *id);
bool crun__prog_prefork_run(lua_State *L, const char *id);

/* --- prog_resume.c ------------------------------------------------------------------------ */

/* The attached state's coroutines are kept track of from now on, so that signals find them. */
void crun__prog_track(void);

/* --- prog_embedded.c ---------------------------------------------------------------------- */

/* Makes `crun.core` and the Lua faces known to require. */
void crun__prog_preload(lua_State *L);

/* --- prog_repl.c -------------------------------------------------------------------------- */

/* Prompts, reads and runs statements until the end of input. */
void crun__prog_repl(lua_State *L);

#endif
