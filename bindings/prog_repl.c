/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>

#include "lmonitor.h"
#include "lscope.h"
#include "lsignal.h"
#include "prog.h"
#include "prog_input.h"

/*
 * Each prompt and each statement is a cancel scope of its own: Ctrl-C ends what is being typed or
 * what runs, and the session goes on. Tasks in the background stay, but for one that is computing
 * just then.
 */
static crun__lscope *scope;

static void interrupt(int signo)
{
    const crun_hub *hub = crun__hub;
    if (signo != SIGINT) {
        crun_lua_interrupt(crun__signals_name());
        return;
    }
    if (scope)
        crun__scope_cancel(&scope->scope);
    if (hub->current && hub->current != hub->main)
        crun_task_cancel(hub->current);
}

static void enter_scope(crun__lscope *s)
{
    crun__signals_forget();
    *s = (crun__lscope){.reason = "SIGINT"};
    crun__scope_enter(&s->scope, crun__hub->main, false, CRUN_FOREVER);
    scope = s;
}

/* Returns: whether the session may go on. SIGTERM ends it. */
static bool leave_scope(void)
{
    crun__scope_leave(&scope->scope);
    scope = NULL;
    return crun__signals_taken() != SIGTERM;
}

/* Pushes a prompt: a global that the user may set, to an object with __tostring as well. */
static const char *push_prompt(lua_State *L, bool first)
{
    if (lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") == LUA_TNIL)
        lua_pushstring(L, first ? "> " : ">> ");
    else
        luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

/*
 * Pushes the next line. The prompt is made outside of the scope, since an error in it leaves
 * through here.
 */
static crun__input read_line(lua_State *L, bool first)
{
    const char *line, *prompt = push_prompt(L, first);
    crun__lscope s;
    enter_scope(&s);
    crun__input in = crun__input_line(prompt, &line);
    if (!leave_scope())
        in = CRUN__INPUT_END;
    lua_pop(L, 1);
    if (in == CRUN__INPUT_LINE)
        lua_pushstring(L, line);
    return in;
}

/* Compiles the text at `index`; pushes the function, or the error. */
static int load(lua_State *L, int index)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return luaL_loadbuffer(L, text, size, "=stdin");
}

/* Puts text in front of the one on top. */
static void prepend(lua_State *L, const char *text)
{
    lua_pushstring(L, text);
    lua_insert(L, -2);
    lua_concat(L, 2);
}

/* Whether a statement failed to compile only because its end is missing. */
static bool is_unfinished(lua_State *L, int status)
{
    static const char end[] = "<eof>";
    size_t size, n = sizeof end - 1;
    const char *text = lua_tolstring(L, -1, &size);
    return status == LUA_ERRSYNTAX && size >= n && memcmp(text + size - n, end, n) == 0;
}

/* Replaces the line on top by a function that returns its value, if it is an expression. */
static bool load_expression(lua_State *L)
{
    lua_pushvalue(L, -1);
    prepend(L, "return ");
    bool ok = load(L, -1) == LUA_OK;
    if (ok)
        lua_replace(L, -3);
    lua_pop(L, ok ? 1 : 2);
    return ok;
}

/*
 * Reads on until the statement that begins with the line on top is complete; puts what came of it
 * there.
 */
static crun__input load_statement(lua_State *L, int *status)
{
    while (is_unfinished(L, *status = load(L, -1))) {
        crun__input in = read_line(L, false);
        if (in == CRUN__INPUT_INTERRUPTED)
            return in;
        if (in == CRUN__INPUT_END)
            break;
        lua_remove(L, -2);
        prepend(L, "\n");
        lua_concat(L, 2);
    }
    lua_remove(L, -2);
    return CRUN__INPUT_LINE;
}

/* Pushes what was typed: a function, or an error as status tells. */
static crun__input read_statement(lua_State *L, int *status)
{
    crun__input in = read_line(L, true);
    if (in != CRUN__INPUT_LINE)
        return in;
    if (*lua_tostring(L, -1) == '=') {
        lua_pushstring(L, lua_tostring(L, -1) + 1);
        prepend(L, "return ");
        lua_replace(L, -2);
    }
    *status = LUA_OK;
    return load_expression(L) ? CRUN__INPUT_LINE : load_statement(L, status);
}

/* Calls the function on top. Returns: whether the session may go on. */
static bool call(lua_State *L, int *status)
{
    crun__lscope s;
    enter_scope(&s);
    *status = crun__prog_call(L, 0, LUA_MULTRET);
    return leave_scope();
}

/* Hands all values above `base` to the global print. */
static void print(lua_State *L, int base)
{
    int n = lua_gettop(L) - base;
    if (n == 0)
        return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, base + 1);
    if (lua_pcall(L, n, 0, 0) == LUA_OK)
        return;
    crun__prog_say(lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1)));
}

/*
 * Who types a statement that keeps the others from running should hear of it. Without a thread to
 * spare the session goes on without. Returns: whether the watchdog was turned on just now.
 */
static bool watch(void)
{
    static const crun_time limit = 1000000000;
    return !crun__monitor_watches() && crun__monitor_watch(limit) == 0;
}

void crun__prog_repl(lua_State *L)
{
    const char *name = crun__prog_name();
    int base = lua_gettop(L), status;
    bool going = true;
    crun__prog_set_name(NULL);
    crun__signals_set_act(interrupt);
    bool watched = watch();
    crun__input_begin();
    while (going) {
        crun__input in = read_statement(L, &status);
        if (in == CRUN__INPUT_END)
            break;
        if (in == CRUN__INPUT_LINE) {
            if (status == LUA_OK)
                going = call(L, &status);
            if (crun__prog_report(L, status))
                print(L, base);
        }
        lua_settop(L, base);
    }
    crun__input_end();
    if (watched)
        crun__monitor_watch(0);
    crun__signals_set_act(NULL);
    crun__prog_set_name(name);
}
