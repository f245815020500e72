/*
 * SPDX-License-Identifier: MIT
 *
 * What is said when a Lua task overflows its C stack. It runs inside a signal handler, in the
 * middle of anything: it only looks, and takes no memory.
 */
#include "loverflow.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lgreenlet.h"

enum { MOST_FRAMES = 20 };

static void say(const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n <= 0)
            return; /* the process dies next; there is nobody else to tell */
        text += n;
        size -= (size_t)n;
    }
}

static void say_frame(lua_State *L, lua_Debug *ar)
{
    char line[LUA_IDSIZE + 160];
    lua_getinfo(L, "Sln", ar);
    int size = snprintf(line, sizeof line, "\t%s:", ar->short_src);
    if (ar->currentline > 0)
        size += snprintf(line + size, sizeof line - (size_t)size, "%d:", ar->currentline);
    (void)snprintf(line + size, sizeof line - (size_t)size, " in %.100s\n",
                   ar->name           ? ar->name
                   : *ar->what == 'C' ? "?"
                                      : ar->what);
    say(line);
}

static void say_traceback(lua_State *L)
{
    lua_Debug ar;
    say("stack traceback:\n");
    int level = 0;
    for (; level < MOST_FRAMES && lua_getstack(L, level, &ar); level++)
        say_frame(L, &ar);
    if (lua_getstack(L, level, &ar))
        say("\t...\n");
}

/* The name is looked up on the store, where nothing ever runs. */
static void say_who(crun__lua *u, const ltask *t)
{
    char line[200];
    lua_State *L = u->store;
    int top = lua_gettop(L);
    lua_rawgeti(L, CRUN__UP_ANCHORS, t->slot);
    bool named = crun__ltask_field(L, -1, LTASK_NAME) == LUA_TSTRING;
    (void)snprintf(line, sizeof line, "crun: C stack overflow in task#%llu%s%.100s%s\n",
                   (unsigned long long)t->base.id, named ? " '" : "",
                   named ? lua_tostring(L, -1) : "", named ? "'" : "");
    lua_settop(L, top);
    say(line);
}

void crun__lua_overflow(crun_hub *hub)
{
    crun__lua *u = crun__universe;
    if (!u || !crun__is_ltask(hub->current)) {
        say("crun: C stack overflow in a task of C\n");
        return;
    }
    const ltask *t = (const ltask *)hub->current;
    say_who(u, t);
    say_traceback(crun__greenlet_coroutine(t));
}
