/*
 * SPDX-License-Identifier: MIT
 *
 * Window: the tasks that an imap has begun and whose results it has not yet delivered, in order of
 * their start or of their end. It holds a limited number of them; who adds them waits for room.
 *
 * All of it is Lua's memory and needs no finalizer: a finalizer is lost when there is no memory to
 * call it. Instead, the registry holds a window as long as it watches tasks.
 */
#include <stdio.h>

#include "bind.h"

typedef struct window window;

/* A userdata with the Task as its user value; the window's user value has it by its address. */
typedef struct entry {
    crun_wait watch; /* on the task's end */
    window *window;
    struct entry *next; /* in line, or spare */
} entry;

struct window {
    crun__object object;
    crun_waitq reader, feeder;
    entry *first, **last; /* in line; in order of end: only those that have ended */
    entry *spare;
    lua_Integer room; /* for so many more */
    size_t inside, watched;
    bool by_end;
    bool finished; /* none will be added */
};

static const crun__class window_class;

/* Its address is the registry's key of the table of the windows that watch. */
static const char watching_key;

static inline window *check(lua_State *L)
{
    return crun__object_check(L, 1, &window_class);
}

/* --- entries ------------------------------------------------------------------------------ */

static void append(window *w, entry *e)
{
    e->next = NULL;
    *w->last = e;
    w->last = &e->next;
}

static bool deliverable(const window *w)
{
    return w->first && !w->first->watch.type;
}

static void tell_reader(window *w)
{
    bool over = w->finished && w->inside == 0;
    if ((over || deliverable(w)) && !crun__waitq_empty(&w->reader))
        crun__wake(w->reader.first, 0);
}

/* Once it no longer watches it may go. Needs no memory. */
static void unwatch(const window *w)
{
    lua_State *store = crun__universe->store;
    lua_rawgetp(store, LUA_REGISTRYINDEX, &watching_key);
    lua_pushnil(store);
    lua_rawsetp(store, -2, w);
    lua_pop(store, 1);
}

static void ended(crun_wait *wait, int result)
{
    (void)result;
    entry *e = crun__container_of(wait, entry, watch);
    if (--e->window->watched == 0)
        unwatch(e->window);
    if (e->window->by_end)
        append(e->window, e);
    tell_reader(e->window);
}

static const crun_wait_type entry_type = {
    .verb = "imap",
    .queue_offset = offsetof(crun_task, joiners),
    .fire = ended,
};

/* Makes sure that there is a spare entry. Needs the window at index 1. May raise. */
static void reserve(lua_State *L, window *w)
{
    if (w->spare)
        return;
    lua_getiuservalue(L, 1, 1);
    entry *e = lua_newuserdatauv(L, sizeof *e, 1);
    *e = (entry){.window = w};
    lua_rawsetp(L, -2, e);
    lua_pop(L, 1);
    w->spare = e;
}

/* Pushes the entry's userdata. */
static void push_entry(lua_State *L, const entry *e)
{
    lua_getiuservalue(L, 1, 1);
    lua_rawgetp(L, -1, e);
    lua_remove(L, -2);
}

/* --- the feeder's side -------------------------------------------------------------------- */

static const crun_wait_type room_type = {
    .verb = "imap: room for a further job",
    .queue_offset = offsetof(window, feeder),
};

/* After the wait: whether a job may be added. */
static int room_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    crun__lua_result(L);
    lua_pushboolean(L, !check(L)->finished);
    return 1;
}

/* window:wait_room() -> whether a job may be added; false once it is finished. May wait. */
static int l_wait_room(lua_State *L)
{
    window *w = check(L);
    crun_task *self = crun__lua_self(L);
    if (w->room > 0 || w->finished) {
        lua_pushboolean(L, !w->finished);
        return 1;
    }
    crun__wait_begin(self, &room_type, w);
    return crun__lua_park(L, self, CRUN_FOREVER, 0, room_finish);
}

/* The window at index 1 is about to watch. May raise. */
static void keep_watching(lua_State *L, const window *w)
{
    if (w->watched > 0)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &watching_key);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, w);
    lua_pop(L, 1);
}

/* window:add(task), for which there is room. Switches: never. */
static int l_add(lua_State *L)
{
    window *w = check(L);
    ltask *t = crun__ltask_check(L, 2);
    reserve(L, w);
    keep_watching(L, w);
    entry *e = w->spare;
    push_entry(L, e);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    w->spare = e->next;
    w->room--;
    w->inside++;
    bool over = crun__task_ended(&t->base);
    if (over || !w->by_end)
        append(w, e);
    if (!over) {
        crun__watch_begin(&e->watch, &entry_type, t);
        w->watched++;
    } else if (w->watched == 0) {
        unwatch(w);
    }
    tell_reader(w);
    return 0;
}

static void finish(window *w)
{
    w->finished = true;
    crun__wake_all(&w->feeder, 0);
    tell_reader(w);
}

/*
 * window:finish(): none will be added; a feeder that waits for room goes on with false. Also what
 * closing it does. Switches: never.
 */
static int l_finish(lua_State *L)
{
    finish(check(L));
    return 0;
}

/* --- the reader's side -------------------------------------------------------------------- */

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const window *w = wait->object;
    (void)snprintf(text, size, "imap: the next of %zu jobs", w->inside);
}

static const crun_wait_type next_type = {
    .verb = "imap: the next job",
    .queue_offset = offsetof(window, reader),
    .describe = describe,
};

/* Pushes the Task that is first in line, and takes it out. */
static int deliver(lua_State *L, window *w)
{
    entry *e = w->first;
    push_entry(L, e);
    lua_getiuservalue(L, -1, 1);
    lua_pushnil(L);
    lua_setiuservalue(L, -3, 1);
    w->first = e->next;
    if (!w->first)
        w->last = &w->first;
    e->next = w->spare;
    w->spare = e;
    w->inside--;
    w->room++;
    if (!crun__waitq_empty(&w->feeder))
        crun__wake(w->feeder.first, 0);
    tell_reader(w);
    return 1;
}

static int l_next(lua_State *L);

/* Another reader may have come first. */
static int next_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    crun__lua_result(L);
    return l_next(L);
}

/* window:next() -> the next Task, which has ended; nil: no further one will come. May wait. */
static int l_next(lua_State *L)
{
    window *w = check(L);
    crun_task *self = crun__lua_self(L);
    lua_settop(L, 1);
    if (deliverable(w))
        return deliver(L, w);
    if (w->finished && w->inside == 0) {
        tell_reader(w);
        lua_pushnil(L);
        return 1;
    }
    crun__wait_begin(self, &next_type, w);
    return crun__lua_park(L, self, CRUN_FOREVER, 0, next_finish);
}

/* window:tasks() -> list of the Tasks in it. Switches: never. */
static int l_tasks(lua_State *L)
{
    check(L);
    lua_Integer n = 0;
    lua_newtable(L);
    lua_getiuservalue(L, 1, 1);
    for (lua_pushnil(L); lua_next(L, 3); lua_settop(L, 4))
        if (lua_getiuservalue(L, 5, 1) != LUA_TNIL)
            lua_rawseti(L, 2, ++n);
    lua_settop(L, 2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"wait_room", l_wait_room}, {"add", l_add},     {"finish", l_finish},
    {"next", l_next},           {"tasks", l_tasks}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__close", l_finish}, {NULL, NULL}};

static const crun__class window_class = {"crun.Window", methods, metamethods, sizeof(window), 1};

/*
 * Window(room, by_end) -> Window for so many tasks, in order of their end or else of their start.
 */
static int l_window(lua_State *L)
{
    lua_Integer room = luaL_checkinteger(L, 1);
    luaL_argcheck(L, room >= 1, 1, "an integer >= 1 expected");
    window *w = crun__object_new(L, &window_class);
    w->last = &w->first;
    w->room = room;
    w->by_end = lua_toboolean(L, 2);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

void crun__open_window(lua_State *L)
{
    crun__class_open(L, &window_class, 0);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &watching_key);
    lua_rawgeti(L, LUA_REGISTRYINDEX, crun__universe->core);
    lua_getfield(L, -1, "pool");
    lua_pushcfunction(L, l_window);
    lua_setfield(L, -2, "window_new");
    lua_pop(L, 2);
}
