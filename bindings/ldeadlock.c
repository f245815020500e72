/*
 * SPDX-License-Identifier: MIT
 *
 * The deadlock error: who waits for what, and for whom.
 *
 * A task waits for one other at most (of several that it gathers, the first that has not ended), so
 * the graph consists of chains, and of circles that some of them lead into.
 */
#include <stdio.h>

#include "lerror.h"
#include "lsee.h"
#include "lsync.h"

/* What the text is made from: stack indices of tables, and the tasks. */
typedef struct graph {
    ltask **tasks;
    size_t count;
    int lines;
    int walked; /* task -> number of the walk that came by it */
    int told;   /* tasks that stand in a circle or chain that has been told */
} graph;

/* The main task has been woken to hear it; the hub has noted what it waited for. */
static const crun_task *next_of(const crun_task *task)
{
    const crun_task *next = task == crun__hub->main ? crun__hub->stuck_on : crun__wait_awaits(task);
    return next && !crun__task_ended(next) ? next : NULL;
}

static void describe(const crun_task *task, char *text, size_t size)
{
    if (task == crun__hub->main)
        (void)snprintf(text, size, "%s", crun__hub->stuck_in);
    else
        crun__wait_describe(&task->wait, text, size);
}

static void mark(lua_State *L, int table, const crun_task *task, lua_Integer with)
{
    lua_pushinteger(L, with);
    lua_rawsetp(L, table, task);
}

/* Returns: 0 for one without a mark. */
static lua_Integer marked(lua_State *L, int table, const crun_task *task)
{
    lua_rawgetp(L, table, task);
    lua_Integer with = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return with;
}

static void add_waiting(lua_State *L, const graph *g, const ltask *t)
{
    char wait[128];
    crun__wait_describe(&t->base.wait, wait, sizeof wait);
    crun__see_name(L, &t->base);
    crun__spawn_site(L, t);
    lua_pushfstring(L, "\t%s waits: %s, spawned at %s", lua_tostring(L, -2), wait,
                    lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
    crun__lines_add(L, g->lines);
}

/* Appends " -> what it waits for" to the text on top, with whom that depends on. */
static void append_step(lua_State *L, const crun_task *task)
{
    const crun_hold *hold = crun__hold_awaited(task);
    const crun_task *next = next_of(task);
    char wait[128];
    describe(task, wait, sizeof wait);
    if (hold && next) {
        lua_pushfstring(L, " -> %s held by ", hold->kind);
        crun__see_name(L, next);
        crun__hold_site(L, hold);
        lua_concat(L, 4);
    } else if (next) {
        lua_pushfstring(L, " -> %s: ", wait);
        crun__see_name(L, next);
        lua_concat(L, 3);
    } else {
        lua_pushfstring(L, " -> %s", wait);
        lua_concat(L, 2);
    }
}

/* Tells the way from `first` until it ends, comes back there, or meets what has been told. */
static void add_way(lua_State *L, const graph *g, const char *title, const crun_task *first)
{
    const crun_task *task = first;
    lua_pushfstring(L, "\t%s: ", title);
    crun__see_name(L, first);
    lua_concat(L, 2);
    do {
        mark(L, g->told, task, 1);
        append_step(L, task);
        task = next_of(task);
    } while (task && task != first && !marked(L, g->told, task));
    if (task && task != first)
        lua_pushliteral(L, " (see above)");
    else
        lua_pushliteral(L, "");
    lua_concat(L, 2);
    crun__lines_add(L, g->lines);
}

/* Every task is walked over once; a walk that meets itself has found a circle. */
static void add_circles(lua_State *L, const graph *g)
{
    for (size_t i = 0; i < g->count; i++) {
        const crun_task *task = &g->tasks[i]->base;
        lua_Integer walk = (lua_Integer)i + 1;
        for (; task && !marked(L, g->walked, task); task = next_of(task))
            mark(L, g->walked, task, walk);
        if (task && marked(L, g->walked, task) == walk)
            add_way(L, g, "circle", task);
    }
}

/* Of those for whom nobody else waits. */
static void add_chains(lua_State *L, const graph *g)
{
    lua_newtable(L);
    int awaited = lua_gettop(L);
    for (size_t i = 0; i < g->count; i++) {
        const crun_task *next = next_of(&g->tasks[i]->base);
        if (next)
            mark(L, awaited, next, 1);
    }
    for (size_t i = 0; i < g->count; i++) {
        const crun_task *task = &g->tasks[i]->base;
        if (next_of(task) && !marked(L, awaited, task) && !marked(L, g->told, task))
            add_way(L, g, "chain", task);
    }
    lua_pop(L, 1);
}

void crun__deadlock_text(lua_State *L)
{
    graph g;
    int top = lua_gettop(L);
    luaL_checkstack(L, LUA_MINSTACK + 10, NULL);
    g.tasks = crun__see_tasks(L, &g.count);
    lua_newtable(L);
    lua_newtable(L);
    lua_newtable(L);
    g.lines = top + 3;
    g.walked = top + 4;
    g.told = top + 5;
    lua_pushliteral(L, "deadlock: every task waits for what no task, timer or I/O can bring");
    crun__lines_add(L, g.lines);
    lua_pushfstring(L, "\tmain waits: %s", crun__hub->stuck_in);
    crun__lines_add(L, g.lines);
    for (size_t i = 0; i < g.count; i++)
        if (g.tasks[i]->base.status == CRUN_TASK_WAITING)
            add_waiting(L, &g, g.tasks[i]);
    add_circles(L, &g);
    add_chains(L, &g);
    crun__lines_join(L, g.lines);
    lua_pushlstring(L, lua_tostring(L, -1), lua_rawlen(L, -1) - 1);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

void crun__deadlock_push(lua_State *L)
{
    lua_createtable(L, 0, 2);
    crun__deadlock_text(L);
    lua_setfield(L, -2, "message");
    lua_pushliteral(L, "EDEADLK");
    lua_setfield(L, -2, "code");
    luaL_setmetatable(L, CRUN__DEADLOCK);
}

int crun__deadlock_raise(lua_State *L)
{
    crun__deadlock_push(L);
    return lua_error(L);
}

int crun__deadlock_tostring(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "message");
    return 1;
}
