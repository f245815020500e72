/* SPDX-License-Identifier: MIT */
#include "lthread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <crun/port.h>

#include "../runtime/thread.h"
#include "lerror.h"
#include "lmonitor.h"
#include "lpoke.h"
#include "lspawn.h"

/* What a thread runs, and how it went. */
typedef struct job {
    crun__newstate own;
    lua_State *L;  /* made by the starter, closed by the thread */
    void *port;    /* a detached end, or NULL */
    bool failed;   /* its main function, by an error that was no interrupt */
    char *failure; /* that error in words, as far as there was memory for them */
    size_t failures;
    int (*resume)(lua_State *L, lua_State *from, int nargs, int *nresults); /* see crun__lua */
    crun__monitor_limits limits; /* as the starter has them */
    char name[];                 /* of the thread */
} job;

typedef struct lthread {
    crun__object object;
    job *job;
    crun__thread *thread; /* NULL: finalized */
} lthread;

static const crun__class class;

/* The thread's own. */
static _Thread_local crun__thread *own;

/* --- interrupts ----------------------------------------------------------------------------- */

static void on_interrupted(crun__thread *thread, void *arg)
{
    (void)arg;
    const char *reason = crun__thread_take(thread);
    if (reason)
        crun__lua_stop(reason);
}

static void on_poke(crun__thread *thread, void *arg)
{
    (void)thread, (void)arg;
    crun__poke(CRUN__POKE_INTERRUPT);
}

/*
 * A daemon that computes would keep the others from ending, so it is stopped, too. Without a new
 * interrupt this is a reminder: for a task that was cancelled while it waited, got what it waited
 * for, and computes since.
 */
void crun__interrupt_now(lua_State *L)
{
    if (!own)
        return;
    if (crun__monitor_spares(L)) {
        crun__poke(CRUN__POKE_INTERRUPT);
        return;
    }
    const char *reason = crun__thread_take(own);
    crun_task *self = crun__hub->current;
    if (!self || (!reason && (self->flags & CRUN__TOLD)))
        return;
    if (reason) {
        crun__lua_stop(reason);
        if (!(self->flags & CRUN__LASTING))
            crun_task_cancel(self);
    }
    if (self->flags & CRUN__DOOMED)
        crun__lua_raise(L, self, CRUN_ECANCELED);
}

/* --- on the thread -------------------------------------------------------------------------- */

/* Message handler: an error that can be written as text gets a traceback; a cancel stays. */
static int with_traceback(lua_State *L)
{
    lua_Integer scope;
    if (crun__cancelled_test(L, 1, &scope))
        return 1;
    crun__error_text(L, 1);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

/* An end that cannot be attached is closed by the starter. */
static void push_port(lua_State *L, job *j)
{
    if (!j->port) {
        lua_pushnil(L);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_getfield(L, -1, "port_attach");
    lua_pushlightuserdata(L, j->port);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2))
        lua_error(L);
    j->port = NULL;
    lua_pop(L, 1);
    lua_remove(L, -2);
}

static void push_info(lua_State *L, const job *j)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, j->name);
    lua_setfield(L, -2, "name");
    lua_pushliteral(L, "thread");
    lua_setfield(L, -2, "kind");
}

static void require(lua_State *L, const char *module)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
}

/* An interrupt that came before there was anything to cancel. */
static void heed_early(void)
{
    on_interrupted(own, NULL);
}

/* crun.worker.main(port, info). */
static int run_worker(lua_State *L)
{
    job *j = lua_touserdata(L, 1);
    require(L, "crun");
    if (crun__monitor_set(j->limits) < 0)
        luaL_error(L, "no thread can be had to look after the tasks");
    push_port(L, j);
    heed_early();
    require(L, "crun.worker");
    lua_getfield(L, -1, "main");
    lua_pushvalue(L, 3);
    push_info(L, j);
    lua_call(L, 2, 0);
    return 0;
}

static void fail(job *j, const char *text)
{
    j->failed = true;
    j->failure = text ? strdup(text) : NULL;
}

static void run_protected(lua_State *L, job *j)
{
    lua_pushcfunction(L, with_traceback);
    lua_pushcfunction(L, run_worker);
    lua_pushlightuserdata(L, j);
    int status = lua_pcall(L, 1, 0, 1);
    if (status != LUA_OK && lua_isstring(L, -1))
        fail(j, lua_tostring(L, -1));
    /* Jobs that arrive when main has been cancelled are cancelled at once, too. */
    int rc = crun_lua_finish(L, status == LUA_OK ? 0 : CRUN_LUA_CANCEL);
    j->failed |= rc < 0;
    j->failures = crun_lua_failures(L);
}

static void run(crun__thread *thread, void *arg)
{
    job *j = arg;
    own = thread;
    int rc = crun_lua_attach(j->L, crun__hub);
    if (rc == 0) {
        crun__universe->resume = j->resume;
        run_protected(j->L, j);
    } else {
        fail(j, crun_error_text(rc));
    }
    crun__newstate_close(j->L, &j->own);
    j->L = NULL;
}

/* --- on the starter's thread ---------------------------------------------------------------- */

/*
 * What failed there counts here, and with it for the exit status of the program. A thread that did
 * not get as far as to attach its port leaves nobody to close it.
 */
static void on_ended(crun__thread *thread, void *arg)
{
    job *j = arg;
    bool failed = j->failed || crun__thread_code(thread) < 0;
    if (j->port)
        crun_port_end_drop(j->port);
    j->port = NULL;
    if (crun__universe)
        crun__universe->failures += j->failures + failed;
}

static void on_release(void *arg)
{
    job *j = arg;
    if (j->L)
        crun__newstate_close(j->L, &j->own);
    free(j->failure);
    free(j);
}

static const crun__thread_type thread_type = {run, on_interrupted, on_poke, on_ended, on_release};

static lthread *check(lua_State *L)
{
    lthread *t = crun__object_check(L, 1, &class);
    if (!t->thread)
        luaL_error(L, "the thread's handle has been finalized");
    return t;
}

/* true, or why it could not begin. */
static int push_end(lua_State *L, crun__thread *thread)
{
    int rc = crun__thread_code(thread);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int join_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : push_end(L, check(L)->thread);
}

/*
 * handle:join([seconds]) -> true once it has ended | nil, message, code: "ETIMEDOUT", or of why it
 * could not begin. May wait.
 */
static int l_join(lua_State *L)
{
    crun__thread *thread = check(L)->thread;
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_deadline(L, 2);
    if (crun__thread_join_begin(thread, self) > 0)
        return push_end(L, thread);
    return crun__lua_park(L, self, deadline, 0, join_finish);
}

/* handle:alive() -> whether it has not ended. Switches: never. */
static int l_alive(lua_State *L)
{
    lua_pushboolean(L, crun__thread_alive(check(L)->thread));
    return 1;
}

/* handle:ident() -> the kernel's number of the thread. Switches: never. */
static int l_ident(lua_State *L)
{
    lua_pushinteger(L, crun__thread_ident(check(L)->thread));
    return 1;
}

/*
 * handle:interrupt([reason]) -> true | nil, message, "EALREADY": cancels all that runs there but
 * daemons, in the middle of Lua code, too. Switches: never.
 */
static int l_interrupt(lua_State *L)
{
    int rc =
        crun__thread_interrupt(check(L)->thread, luaL_optstring(L, 2, "the thread was cancelled"));
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

/*
 * handle:failure() -> why its main function has failed, with a traceback; nil unless it has ended
 * like that. Switches: never.
 */
static int l_failure(lua_State *L)
{
    const lthread *t = check(L);
    int rc = crun__thread_alive(t->thread) ? 0 : crun__thread_code(t->thread);
    if (rc < 0)
        lua_pushstring(L, crun_error_text(rc));
    else if (crun__thread_alive(t->thread) || !t->job->failed)
        lua_pushnil(L);
    else
        lua_pushstring(L, t->job->failure ? t->job->failure : crun_error_text(CRUN_ENOMEM));
    return 1;
}

static int l_gc(lua_State *L)
{
    lthread *t = lua_touserdata(L, 1);
    if (t->thread)
        crun__thread_drop(t->thread);
    else if (t->job)
        on_release(t->job);
    t->thread = NULL;
    t->job = NULL;
    return 0;
}

static int l_tostring(lua_State *L)
{
    lua_pushfstring(L, "crun.ThreadHandle: %s",
                    crun__thread_alive(check(L)->thread) ? "running" : "ended");
    return 1;
}

static const luaL_Reg methods[] = {
    {"join", l_join},           {"alive", l_alive},     {"ident", l_ident},
    {"interrupt", l_interrupt}, {"failure", l_failure}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__gc", l_gc}, {"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class class = {"crun.ThreadHandle", methods, metamethods, sizeof(lthread), 0};

/* Lua's own print is the one that a state just made has. */
static void replace_print(lua_State *L, lua_State *fresh)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(L, "print");
    lua_rawget(L, -2);
    lua_getfield(fresh, LUA_REGISTRYINDEX, CRUN__LTHREAD_PRINT);
    if (lua_iscfunction(L, -1) && lua_tocfunction(L, -1) == lua_tocfunction(fresh, -1)) {
        lua_pushliteral(L, "print");
        lua_pushcfunction(L, crun__lthread_print);
        lua_rawset(L, -4);
    }
    lua_pop(fresh, 1);
    lua_pop(L, 2);
}

/* Up to the start the job is the handle's, also where an error is raised. */
static int start(lua_State *L, lthread *t)
{
    job *j = t->job;
    if (crun__lthread_state(L, &j->own, &j->L) != LUA_OK)
        return CRUN_ENOMEM;
    replace_print(L, j->L);
    return crun__thread_start(&thread_type, j, &t->thread);
}

/*
 * thread_start(port, name) -> handle | nil, message, code: a thread that runs
 * require("crun.worker").main(port, {name=, kind="thread"}), with a detached end of a port as light
 * userdata, or nil. A failed start leaves the end as it was. Switches: never.
 */
static int l_thread_start(lua_State *L)
{
    if (!lua_isnoneornil(L, 1))
        luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
    size_t size;
    const char *name = luaL_checklstring(L, 2, &size);
    crun__lua_self(L);
    lthread *t = crun__object_new(L, &class);
    job *j = calloc(1, sizeof *j + size + 1);
    if (!j)
        return crun__lua_fail(L, CRUN_ENOMEM);
    memcpy(j->name, name, size);
    j->port = lua_touserdata(L, 1);
    j->resume = crun__universe->resume;
    j->limits = crun__monitor_get();
    t->job = j;
    int rc = start(L, t);
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* workers.thread_ident() -> the kernel's number of this thread, whether it is the first one. */
static int l_thread_ident(lua_State *L)
{
    lua_pushinteger(L, gettid());
    lua_pushboolean(L, gettid() == getpid());
    return 2;
}

/*
 * workers.untell(): the cancel error that was raised in the running task has been kept from it; an
 * interrupt of its thread is to raise it again, also where it computes. Switches: never.
 */
static int l_untell(lua_State *L)
{
    crun__flag_clear(crun__lua_self(L), CRUN__TOLD);
    return 0;
}

void crun__open_thread(lua_State *L)
{
    static const luaL_Reg functions[] = {{"thread_start", l_thread_start}, {NULL, NULL}};
    static const luaL_Reg internal[] = {
        {"thread_ident", l_thread_ident}, {"untell", l_untell}, {NULL, NULL}};
    crun__class_open(L, &class, 0);
    crun__open_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_getfield(L, -1, "workers");
    luaL_setfuncs(L, internal, 0);
    /* By this name functions travel that hold the print that was there before. */
    lua_getglobal(L, "print");
    lua_setfield(L, -2, "print");
    lua_pop(L, 2);
}
