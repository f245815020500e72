/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "ldrain.h"
#include "lremote.h"
#include "lsignal.h"
#include "prog.h"

static const char *name = "crun";
static bool deadlocked, cancelled;

void crun__prog_set_name(const char *new_name)
{
    name = new_name;
}

const char *crun__prog_name(void)
{
    return name;
}

void crun__prog_say(const char *message)
{
    (void)fprintf(stderr, "%s%s%s\n", name ? name : "", name ? ": " : "", message);
    (void)fflush(stderr);
}

bool crun__prog_deadlocked(void)
{
    return deadlocked;
}

/* Whether the value at 1 is an object whose metatable bears this name. */
static bool is_named(lua_State *L, const char *type)
{
    bool is =
        luaL_getmetafield(L, 1, "__name") == LUA_TSTRING && strcmp(lua_tostring(L, -1), type) == 0;
    lua_settop(L, 1);
    return is;
}

/*
 * The end that a signal brings is told with the place where it struck, as lua(1) does: for whoever
 * stops a script that does not come to an end, that place is the answer.
 */
static bool is_interrupt(lua_State *L)
{
    return crun__signals_taken() && is_named(L, "crun.Cancelled");
}

/*
 * Message handler: the error object becomes text. Objects speak for themselves, whatever can be
 * written as a string gets a traceback. Calls __tostring directly, so that it finds the failing
 * function at the level at which lua(1) shows it.
 */
static int to_text(lua_State *L)
{
    const char *text = lua_tostring(L, 1);
    if (!text) {
        deadlocked |= is_named(L, "crun.Deadlock");
        cancelled |= is_named(L, "crun.Cancelled");
        if (is_interrupt(L))
            text = lua_pushfstring(L, "interrupted! (%s)", crun__signals_name());
        else if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
            return 1;
        else
            text = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    luaL_traceback(L, L, text, 1);
    lua_concat(L, 1 + crun__remote_traceback(L, 1));
    return 1;
}

int crun__prog_call(lua_State *L, int nargs, int nresults)
{
    int handler = lua_gettop(L) - nargs;
    deadlocked = cancelled = false;
    lua_pushcfunction(L, to_text);
    lua_insert(L, handler);
    int status = lua_pcall(L, nargs, nresults, handler);
    lua_remove(L, handler);
    return status;
}

bool crun__prog_report(lua_State *L, int status)
{
    if (status == LUA_OK)
        return true;
    bool in_order = cancelled && crun__drain_over();
    const char *text = lua_tostring(L, -1);
    if (!in_order)
        crun__prog_say(text ? text : "(error message is no string)");
    lua_pop(L, 1);
    return in_order;
}

bool crun__prog_run(lua_State *L, int status)
{
    if (status == LUA_OK)
        status = crun__prog_call(L, 0, 0);
    return crun__prog_report(L, status);
}
