/*
 * SPDX-License-Identifier: MIT
 *
 * Event: a flag to wait for.
 */
#include "lsync.h"

typedef struct levent {
    crun__object object;
    crun_event event;
} levent;

static const crun__class event_class;

crun_event *crun__levent_test(lua_State *L, int index)
{
    levent *e = crun__object_test(L, index, &event_class);
    return e ? &e->event : NULL;
}

static inline crun_event *check(lua_State *L)
{
    levent *e = crun__object_check(L, 1, &event_class);
    return &e->event;
}

/* event:set(): who waits goes on, even if it is cleared before they run. Switches: never. */
static int l_set(lua_State *L)
{
    crun_event_set(check(L));
    return 0;
}

static int l_clear(lua_State *L)
{
    crun_event_clear(check(L));
    return 0;
}

static int l_is_set(lua_State *L)
{
    lua_pushboolean(L, check(L)->set);
    return 1;
}

/* event:wait([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_wait(lua_State *L)
{
    crun_event *event = check(L);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    return crun__sync_wait(L, self, crun__event_begin(event, self), deadline);
}

static int l_tostring(lua_State *L)
{
    const crun_event *event = check(L);
    lua_pushfstring(L, "crun.Event: %s, %I waiting", event->set ? "set" : "not set",
                    (LUAI_UACINT)crun__waitq_count(&event->waiters));
    return 1;
}

static const luaL_Reg methods[] = {
    {"set", l_set}, {"clear", l_clear}, {"is_set", l_is_set}, {"wait", l_wait}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

static const crun__class event_class = {"crun.Event", methods, metamethods, sizeof(levent), 0};

/* Event() -> Event that is not set. */
static int l_event(lua_State *L)
{
    levent *e = crun__object_new(L, &event_class);
    crun_event_init(&e->event);
    return 1;
}

void crun__open_event(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Event", l_event}, {NULL, NULL}};
    crun__class_open(L, &event_class, 0);
    crun__open_functions(L, functions);
}
