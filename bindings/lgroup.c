/* SPDX-License-Identifier: MIT */
#include "lgroup.h"

#include <stdlib.h>

#include "lawait.h"
#include "lerror.h"
#include "lspawn.h"

typedef struct group_member {
    crun_wait wait;
    crun__link link;
    group *group;
    lua_Integer number;
} group_member;

static group_member *member_of(crun__link *link)
{
    return crun__container_of(link, group_member, link);
}

static const crun__class group_class;

group *crun__group_check(lua_State *L)
{
    return crun__object_check(L, 1, &group_class);
}

/* Of the registry: groups not closed yet in which a task has failed, weak, by address. */
#define UNCLOSED "crun.unclosed_groups"

/* Protected: a group that nobody closes is to be found at the program's end. */
static void list_unclosed(lua_State *L, void *arg)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, UNCLOSED) != LUA_TTABLE)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, arg);
    lua_rawsetp(L, -2, arg);
}

/* --- cancelling --------------------------------------------------------------------------- */

/* Protected: its cancel error is the group's. */
static void give_error(lua_State *L, void *arg)
{
    const group_member *m = arg;
    crun__ltask_push(L, m->wait.object);
    lua_rawgetp(L, LUA_REGISTRYINDEX, m->group);
    lua_getiuservalue(L, -1, GROUP_CANCEL);
    lua_remove(L, -2);
    crun__ltask_set_field(L, -2, LTASK_CANCELLED);
}

/* Without memory for that it is cancelled without a reason. */
static void cancel_member(group_member *m)
{
    crun_task *task = m->wait.object;
    if (!(task->flags & CRUN__CANCEL))
        crun__lua_protected(crun__universe->aux, give_error, m);
    crun_task_cancel(task);
}

/* Tasks that had not begun end at once, and the collector's finalizers may end any. */
static void cancel_members(group *g)
{
    crun__list_remove(&g->cursor);
    crun__list_push_head(&g->live, &g->cursor);
    while (g->cursor.next != &g->live) {
        crun__link *link = g->cursor.next;
        crun__list_remove(&g->cursor);
        crun__list_insert_after(link, &g->cursor);
        cancel_member(member_of(link));
    }
    crun__list_remove(&g->cursor);
}

/* With the reason and the origin on top, which it pops; the group is at the index. */
static void set_errors(lua_State *L, group *g, int index)
{
    crun__cancelled_make(L, -2, -1, 0);
    lua_setiuservalue(L, index, GROUP_CANCEL);
    crun__cancelled_make(L, -2, -1, g->body.id);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &g->body);
    lua_pop(L, 2);
}

/* The last one has ended. Needs no memory. */
static void release(group *g)
{
    lua_State *store = crun__universe->store;
    crun__wake_all(&g->waiter, 0);
    if (g->anchored) {
        g->anchored = false;
        lua_pushnil(store);
        lua_rawsetp(store, LUA_REGISTRYINDEX, g);
    }
}

static void cancel_all(group *g)
{
    g->cancelled = g->walking = true;
    cancel_members(g);
    crun__scope_cancel(&g->body.scope);
    g->walking = false;
    if (g->count == 0)
        release(g);
}

/* Protected: the failure of a task is the reason, and where it was spawned the origin. */
static void blame(lua_State *L, void *arg)
{
    const group_member *m = arg;
    lua_rawgetp(L, LUA_REGISTRYINDEX, m->group);
    crun__ltask_push(L, m->wait.object);
    crun__ltask_describe(L, -1);
    lua_pushfstring(L, "%s failed", lua_tostring(L, -1));
    crun__spawn_site(L, m->wait.object);
    set_errors(L, m->group, lua_absindex(L, -5));
}

/* With an error of the owner's at the index: tasks are cancelled for the same reason. */
void crun__group_cancel_for(lua_State *L, group *g, int error)
{
    lua_Integer scope;
    if (g->cancelled)
        return;
    if (crun__cancelled_test(L, error, &scope)) {
        lua_getfield(L, error, "reason");
        lua_getfield(L, error, "origin");
    } else {
        lua_pushliteral(L, "the body of the group failed");
        lua_getiuservalue(L, 1, GROUP_SITE);
    }
    set_errors(L, g, 1);
    cancel_all(g);
}

/* group:cancel([reason]) -> true if it had an effect. Switches: never. */
static int l_cancel(lua_State *L)
{
    group *g = crun__group_check(L);
    lua_settop(L, 2);
    bool effective = !g->cancelled && g->state != GROUP_CLOSED;
    if (effective) {
        crun__origin_push(L, 1);
        set_errors(L, g, 1);
        cancel_all(g);
    }
    lua_pushboolean(L, effective);
    return 1;
}

/* --- members ------------------------------------------------------------------------------ */

static void fire(crun_wait *wait, int result)
{
    (void)result;
    group_member *m = crun__container_of(wait, group_member, wait);
    group *g = m->group;
    const crun_task *task = wait->object;
    crun__list_remove(&m->link);
    crun__list_push_tail(&g->ended, &m->link);
    g->count--;
    if (task->status == CRUN_TASK_FAILED && !g->failed) {
        g->failed = true;
        crun__lua_protected(crun__universe->aux, list_unclosed, g);
    }
    if (task->status == CRUN_TASK_FAILED && !g->cancelled) {
        crun__lua_protected(crun__universe->aux, blame, m);
        cancel_all(g);
    } else if (g->count == 0 && !g->walking) {
        release(g);
    }
}

static const crun_wait_type watch_type = {
    .verb = "group",
    .queue_offset = offsetof(crun_task, joiners),
    .fire = fire,
};

void crun__group_keep_failed(lua_State *L)
{
    if (lua_getiuservalue(L, 1, GROUP_FAILED) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, GROUP_FAILED);
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

void crun__group_reap(lua_State *L, group *g)
{
    if (crun__list_empty(&g->ended))
        return;
    lua_getiuservalue(L, 1, GROUP_TASKS);
    int tasks = lua_gettop(L);
    while (!crun__list_empty(&g->ended)) {
        lua_Integer number = member_of(g->ended.next)->number;
        lua_rawgeti(L, tasks, number);
        const crun_task *task = lua_touserdata(L, -1);
        if (task->status == CRUN_TASK_FAILED)
            crun__group_keep_failed(L);
        if (task->status != CRUN_TASK_RETURNED || (task->flags & LTASK_VOID)) {
            lua_pushnil(L);
            lua_rawseti(L, tasks, number);
        }
        lua_settop(L, tasks);
        crun__list_push_tail(&g->spare, crun__list_pop_head(&g->ended));
    }
    lua_pop(L, 1);
}

/* One that no task has; NULL without memory. */
static group_member *member_new(group *g)
{
    crun__link *link = crun__list_pop_head(&g->spare);
    return link ? member_of(link) : malloc(sizeof(group_member));
}

/*
 * Makes all that a further member needs; pushes the table of tasks, in which its number has a
 * place. Whatever allocates may run a finalizer that spawns into the group, too.
 */
static lua_Integer prepare(lua_State *L, group *g)
{
    crun__group_reap(L, g);
    group_member *m = member_new(g);
    if (m)
        crun__list_push_head(&g->spare, &m->link);
    else
        luaL_error(L, "not enough memory");
    lua_getiuservalue(L, 1, GROUP_TASKS);
    lua_Integer number = ++g->spawned;
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, number);
    if (!g->anchored) {
        lua_pushvalue(L, 1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, g);
        g->anchored = true;
    }
    return number;
}

/*
 * group:spawn(fn, ...) -> Task. In a group that has been cancelled it is cancelled at once. Raises
 * when the group is closed. Switches: never.
 */
static int l_spawn(lua_State *L)
{
    group *g = crun__group_check(L);
    crun__lua_checkcallable(L, 2);
    if (g->state == GROUP_CLOSED)
        return luaL_error(L, "the group is closed: nothing can be spawned into it");
    int top = lua_gettop(L);
    lua_Integer number = prepare(L, g);
    crun__ltask_spawn_at(L, 2, top - 2, 1);
    crun_task *task = lua_touserdata(L, -1);
    group_member *m = member_new(g);
    if (!m) {
        crun_task_cancel(task);
        return luaL_error(L, "not enough memory");
    }
    *m = (group_member){.group = g, .number = number};
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, number);
    crun__watch_begin(&m->wait, &watch_type, task);
    crun__list_push_tail(&g->live, &m->link);
    g->count++;
    if (g->cancelled)
        cancel_member(m);
    return 1;
}

/* --- groups that nobody closes ------------------------------------------------------------ */

void crun__group_closed(lua_State *L, group *g)
{
    g->state = GROUP_CLOSED;
    if (!g->failed)
        return;
    if (lua_getfield(L, LUA_REGISTRYINDEX, UNCLOSED) == LUA_TTABLE) {
        lua_pushnil(L);
        lua_rawsetp(L, -2, g);
    }
    lua_pop(L, 1);
}

static int report_task(lua_State *L)
{
    crun__awaitable_error(L, 1);
    crun__ltask_field(L, 1, LTASK_TRACEBACK);
    crun__report(L);
    return 0;
}

/* The group -> nothing; the failures of its tasks are reported. */
static int report(lua_State *L)
{
    crun__group_reap(L, crun__group_check(L));
    lua_getiuservalue(L, 1, GROUP_FAILED);
    int failed = lua_gettop(L);
    lua_Integer n = lua_istable(L, failed) ? (lua_Integer)lua_rawlen(L, failed) : 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_pushcfunction(L, report_task);
        if (lua_rawgeti(L, failed, i) == LUA_TUSERDATA)
            lua_call(L, 1, 0);
        lua_settop(L, failed);
    }
    return 0;
}

void crun__group_report_all(lua_State *L, void *arg)
{
    (void)arg;
    if (lua_getfield(L, LUA_REGISTRYINDEX, UNCLOSED) != LUA_TTABLE)
        return;
    int unclosed = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, unclosed); lua_pushnil(L)) {
        crun__group_closed(L, lua_touserdata(L, -1));
        lua_pushcfunction(L, report);
        lua_insert(L, -2);
        lua_call(L, 1, 0);
        lua_settop(L, unclosed);
    }
}

/*
 * Whether a group that is collected has failures to report: a task does it, for which the group
 * lives on. The store's stack is not to be touched while a finalizer runs on it; then the next
 * cycle of the collector comes back to this.
 */
static bool reported_later(lua_State *L, group *g)
{
    const crun__lua *u = crun__universe;
    if (!u || u->finished || !g->failed || g->state == GROUP_CLOSED)
        return false;
    luaL_setmetatable(L, group_class.name);
    if (L == u->store)
        return true;
    crun__group_closed(L, g);
    lua_pushcfunction(L, report);
    lua_pushvalue(L, 1);
    crun__ltask_spawn(L, 1);
    return true;
}

/* --- the object --------------------------------------------------------------------------- */

static int l_tostring(lua_State *L)
{
    const group *g = crun__group_check(L);
    lua_pushfstring(L, "crun.Group: %I running%s%s", (LUAI_UACINT)g->count,
                    g->cancelled ? ", cancelled" : "", g->state == GROUP_CLOSED ? ", closed" : "");
    return 1;
}

static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)crun__group_check(L)->count);
    return 1;
}

static void free_members(crun__link *list)
{
    crun__link *link = list->next;
    while (link != list) {
        group_member *m = member_of(link);
        link = link->next;
        free(m);
    }
    crun__list_init(list);
}

/* Its tasks would tell it of their ends. */
static void forget_members(group *g)
{
    for (crun__link *link = g->live.next; link != &g->live; link = link->next)
        crun__watch_end(&member_of(link)->wait);
    free_members(&g->live);
    free_members(&g->ended);
    free_members(&g->spare);
}

static int l_gc(lua_State *L)
{
    group *g = lua_touserdata(L, 1);
    if (!g->owner || reported_later(L, g))
        return 0;
    crun__scope_leave(&g->body.scope);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &g->body);
    forget_members(g);
    return 0;
}

static const luaL_Reg methods[] = {
    {"spawn", l_spawn},
    {"cancel", l_cancel},
    {"results", crun__l_group_results},
    {"close", crun__l_group_close},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", crun__l_group_meta_close},
    {"__tostring", l_tostring},
    {"__len", l_len},
    {"__gc", l_gc},
    {NULL, NULL},
};

static const crun__class group_class = {"crun.Group", methods, metamethods, sizeof(group),
                                        GROUP_USERVALUES};

group *crun__group_open(lua_State *L)
{
    crun_task *self = crun__lua_self(L);
    group *g = crun__object_new(L, &group_class);
    crun__list_init(&g->live);
    crun__list_init(&g->ended);
    crun__list_init(&g->spare);
    crun__list_init(&g->cursor);
    g->owner = self->id;
    g->body.id = ++crun__universe->next_scope;
    g->body.reason = "the group was cancelled";
    lua_newtable(L);
    lua_setiuservalue(L, -2, GROUP_TASKS);
    crun__origin_push(L, 1);
    lua_setiuservalue(L, -2, GROUP_SITE);
    crun__scope_enter(&g->body.scope, self, false, CRUN_FOREVER);
    return g;
}

/*
 * Group() -> Group of the running task, to be closed by it: `local g <close> = crun.Group()`.
 * Switches: never.
 */
static int l_group_new(lua_State *L)
{
    crun__group_open(L);
    return 1;
}

void crun__open_group(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"Group", l_group_new}, {"group", crun__l_group}, {NULL, NULL}};
    crun__push_upvalues(L);
    crun__class_open(L, &group_class, CRUN__UP_COUNT);
    crun__open_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    luaL_newmetatable(L, CRUN__ERROR);
    lua_setfield(L, -2, "Error");
    crun__weak_table_push(L, "v");
    lua_setfield(L, LUA_REGISTRYINDEX, UNCLOSED);
    lua_pop(L, 1);
}
