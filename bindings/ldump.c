/*
 * SPDX-License-Identifier: MIT
 *
 * Seeing the tasks: who they are, where they are, what they wait for, who keeps it from them.
 */
#include <stdio.h>

#include "../runtime/ctask.h"
#include "lerror.h"
#include "lgreenlet.h"
#include "lpoke.h"
#include "lsee.h"
#include "lsync.h"

static const char *const states[] = {"new",      "ready",  "running",  "waiting",
                                     "returned", "failed", "cancelled"};

/* --- tracebacks ----------------------------------------------------------------------------- */

static bool is_active(lua_State *co)
{
    lua_Debug ar;
    return lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar);
}

/* The coroutine that a function's upvalue or first argument is; NULL: neither is one. */
static lua_State *thread_of(lua_State *L, lua_State *co, lua_Debug *ar)
{
    lua_State *inner = NULL;
    lua_getinfo(L, "f", ar);
    if (lua_getupvalue(L, -1, 1)) {
        inner = lua_tothread(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (inner || !lua_checkstack(co, 1) || !lua_getlocal(co, ar, 1))
        return inner;
    inner = lua_tothread(co, -1);
    lua_pop(co, 1);
    return inner;
}

/*
 * The coroutine that this one, which does not run, has resumed and that has not come back; NULL:
 * none. It is found in the C function that resumes it: coroutine.resume, what coroutine.wrap made.
 */
static lua_State *inside(lua_State *L, lua_State *co)
{
    lua_Debug ar;
    if (!lua_getstack(co, 0, &ar) || !lua_getinfo(co, "S", &ar) || *ar.what != 'C')
        return NULL;
    lua_State *inner = thread_of(L, co, &ar);
    return inner && inner != co && is_active(inner) ? inner : NULL;
}

/* As deep as Lua lets coroutines resume each other, about two hundred. */
static void push_traceback(lua_State *L, lua_State *co, lua_State *where, int level)
{
    lua_State *inner = co == where ? NULL : inside(L, co);
    if (!inner) {
        luaL_traceback(L, co, NULL, co == where ? level : 0);
        return;
    }
    push_traceback(L, inner, where, level);
    lua_pushliteral(L, "\ninside of ");
    luaL_traceback(L, co, NULL, 0);
    lua_concat(L, 3);
}

void crun__task_traceback(lua_State *L, ltask *t, lua_State *where, int level)
{
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (t->base.status == CRUN_TASK_NEW) {
        lua_pushliteral(L, "stack traceback:\n\tnot started");
        return;
    }
    luaL_traceback(L, where ? where : crun__ltask_where(&t->base), NULL, where ? level : 0);
    if (crun__greenlet_tracebacks(L, t))
        return;
    lua_pop(L, 1);
    push_traceback(L, t->L, where, level);
}

/* --- one task ------------------------------------------------------------------------------- */

/* Pushes "waiting: Queue:get (0 items), for 1.500 s". */
static void push_wait(lua_State *L, const crun_task *task)
{
    crun_hub *hub = crun__hub;
    char wait[128];
    crun__wait_describe(&task->wait, wait, sizeof wait);
    lua_pushfstring(L, "waiting: %s, ", wait);
    crun_time until = crun__hub_waiting_until(hub, task), now = crun_now(hub);
    crun_time span = until > now ? until - now : 0;
    bool limited = until != CRUN_FOREVER;
    if (!limited)
        span = crun__hub_waiting_for(hub, task);
    (void)snprintf(wait, sizeof wait, limited ? "%.3f s left" : "for %.3f s", (double)span / 1e9);
    lua_pushstring(L, wait);
    lua_concat(L, 2);
}

/* Pushes "task#2 'x': ready, daemon". */
static void push_title(lua_State *L, const crun_task *task)
{
    crun__see_name(L, task);
    lua_pushliteral(L, ": ");
    if (task->status == CRUN_TASK_WAITING)
        push_wait(L, task);
    else
        lua_pushstring(L, states[task->status]);
    lua_pushstring(L, task->flags & CRUN__DAEMON ? ", daemon" : "");
    lua_pushstring(L, task->flags & CRUN__DOOMED ? ", cancelled" : "");
    lua_concat(L, 5);
}

/* Who keeps it from the task, and what it keeps from others. */
static void add_holds(lua_State *L, int lines, const crun_task *task)
{
    const crun_hold *awaited = crun__hold_awaited(task);
    if (awaited) {
        lua_pushfstring(L, "\twhich ");
        crun__hold_describe(L, awaited);
        lua_concat(L, 2);
        crun__lines_add(L, lines);
    }
    for (const crun_hold *hold = crun__holds_first(task); hold;
         hold = crun__holds_next(hold, task)) {
        lua_pushfstring(L, "\tholds %s", hold->kind);
        crun__hold_site(L, hold);
        lua_concat(L, 2);
        crun__lines_add(L, lines);
    }
}

static void add_indented(lua_State *L, int lines)
{
    luaL_gsub(L, lua_tostring(L, -1), "\n", "\n\t");
    lua_pushfstring(L, "\t%s", lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
    crun__lines_add(L, lines);
}

static void add_task(lua_State *L, int lines, ltask *t, lua_State *where, int level)
{
    push_title(L, &t->base);
    crun__lines_add(L, lines);
    add_holds(L, lines, &t->base);
    if (t != crun__universe->main) {
        crun__spawn_site(L, t);
        lua_pushfstring(L, "\tspawned at %s", lua_tostring(L, -1));
        lua_remove(L, -2);
        crun__lines_add(L, lines);
    }
    if (t->base.status == CRUN_TASK_NEW)
        return;
    crun__task_traceback(L, t, where, level);
    add_indented(L, lines);
}

/* --- all of them ---------------------------------------------------------------------------- */

struct place {
    lua_State *L;
    int lines;
};

static void add_ctask(crun_task *task, void *arg)
{
    const struct place *to = arg;
    const char *name = crun__ctask_name(task);
    push_title(to->L, task);
    lua_pushfstring(to->L, ", of C%s%s", name ? ", " : "", name ? name : "");
    lua_concat(to->L, 2);
    crun__lines_add(to->L, to->lines);
    add_holds(to->L, to->lines, task);
}

/*
 * Pushes the text. `where` is where the running task runs, with so many levels left out; NULL: none
 * runs.
 */
static void push_dump(lua_State *L, lua_State *where, int level)
{
    crun_hub *hub = crun__hub;
    size_t count;
    char title[96];
    int top = lua_gettop(L);
    ltask **tasks = crun__see_tasks(L, &count);
    lua_newtable(L);
    int lines = top + 3;
    (void)snprintf(title, sizeof title, "crun: %zu task%s at %.3f s on the hub's clock",
                   hub->live + 1, hub->live ? "s" : "", (double)crun_now(hub) / 1e9);
    lua_pushstring(L, title);
    crun__lines_add(L, lines);
    for (size_t i = 0; i < count; i++) {
        bool runs = where && &tasks[i]->base == hub->current;
        add_task(L, lines, tasks[i], runs ? where : NULL, level);
    }
    crun__ctask_each(hub, add_ctask, &(struct place){L, lines});
    crun__lines_join(L, lines);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

static void print_dump(lua_State *L, void *arg)
{
    push_dump(L, arg, 0);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    (void)fwrite(text, 1, size, stderr);
    (void)fflush(stderr);
}

void crun__dump_now(lua_State *L)
{
    if (crun__lua_protected(crun__universe->aux, print_dump, L) == LUA_OK)
        return;
    (void)fputs("crun: not enough memory to list the tasks\n", stderr);
    (void)fflush(stderr);
}

/* dump_string() -> a list of all live tasks, for people. Switches: never. */
static int l_dump_string(lua_State *L)
{
    crun__lua_self(L);
    push_dump(L, L, 1);
    return 1;
}

/* dump([file]): writes that to the file, or anything with a method `write`; default stderr. */
static int l_dump(lua_State *L)
{
    crun__lua_self(L);
    lua_settop(L, 1);
    push_dump(L, L, 1);
    if (lua_isnil(L, 1)) {
        size_t size;
        const char *text = lua_tolstring(L, 2, &size);
        (void)fwrite(text, 1, size, stderr);
        (void)fflush(stderr);
        return 0;
    }
    bool indexable = lua_isuserdata(L, 1) || lua_istable(L, 1);
    luaL_argexpected(L, indexable && lua_getfield(L, 1, "write") != LUA_TNIL, 1, "file");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 0);
    return 0;
}

void crun__open_dump(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"dump", l_dump},
        {"dump_string", l_dump_string},
        {NULL, NULL},
    };
    crun__open_functions(L, functions);
}
