/*
 * SPDX-License-Identifier: MIT
 *
 * Future: a result that comes once, from whoever has it.
 */
#include "lfuture.h"

#include <stdio.h>

#include "lcallback.h"
#include "lerror.h"
#include "lspawn.h"

/* User values. */
enum {
    VALUE = 1, /* the result, a table of several, the error, or the cancel error */
    MORE       /* the list of callbacks while it is pending; the traceback of one that failed */
};

/*
 * Of the registry: failed futures that nobody has looked at, weak, by address; and their metatable,
 * which has a finalizer: it would make every Future dearer, and few come to need it.
 */
#define UNSEEN "crun.unseen_futures"
#define UNSEEN_META "crun.UnseenFuture"

static lfuture *check(lua_State *L)
{
    return crun__object_check(L, 1, &crun__future_class);
}

lfuture *crun__lfuture_new(lua_State *L)
{
    lfuture *f = crun__object_new_with(L, &crun__future_class, crun__future_class.uservalues);
    crun_future_init(&f->future);
    return f;
}

/* --- failures that nobody looks at -------------------------------------------------------- */

static void list_unseen(lua_State *L, int index)
{
    lua_getfield(L, LUA_REGISTRYINDEX, UNSEEN);
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, lua_touserdata(L, index));
    lua_pop(L, 1);
    luaL_getmetatable(L, UNSEEN_META);
    lua_setmetatable(L, index);
    if (crun__universe && !crun__universe->hosted)
        crun__sentinel_renew(L);
}

void crun__lfuture_look(lua_State *L, int index)
{
    lfuture *f = lua_touserdata(L, index);
    if (f->seen || f->future.status != CRUN_TASK_FAILED)
        return;
    f->seen = true;
    lua_getfield(L, LUA_REGISTRYINDEX, UNSEEN);
    lua_pushnil(L);
    lua_rawsetp(L, -2, f);
    lua_pop(L, 1);
}

/* The future -> nothing; its failure is reported. */
static int report(lua_State *L)
{
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, VALUE);
    lua_getiuservalue(L, 1, MORE);
    crun__report(L);
    return 0;
}

static void report_now(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_pushcfunction(L, report);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return;
    const char *text = lua_tostring(L, -1);
    (void)fprintf(stderr, "crun: reporting the failure of a Future failed: %s\n",
                  text ? text : "(no text)");
    crun__universe->failures++;
    lua_pop(L, 1);
}

/*
 * Who reports may wait, which a finalizer must not: a task does it. The store's stack is not to be
 * touched while a finalizer runs on it; then the next cycle of the collector comes back to this.
 */
static int future_gc(lua_State *L)
{
    const lfuture *f = lua_touserdata(L, 1);
    const crun__lua *u = crun__universe;
    if (!u || f->seen || f->future.status != CRUN_TASK_FAILED)
        return 0;
    if (L == u->store) {
        luaL_setmetatable(L, UNSEEN_META);
        return 0;
    }
    crun__lfuture_look(L, 1);
    if (u->finished) {
        report_now(L, 1);
        return 0;
    }
    lua_pushcfunction(L, report);
    lua_pushvalue(L, 1);
    crun__ltask_spawn(L, 1);
    return 0;
}

void crun__lfuture_report_all(lua_State *L, void *arg)
{
    (void)arg;
    if (lua_getfield(L, LUA_REGISTRYINDEX, UNSEEN) != LUA_TTABLE)
        return;
    int unseen = lua_gettop(L);
    for (;;) {
        lua_pushnil(L);
        if (!lua_next(L, unseen))
            return;
        crun__lfuture_look(L, -1);
        report_now(L, -1);
        lua_settop(L, unseen);
    }
}

/* --- setting it --------------------------------------------------------------------------- */

/* The list of callbacks, the future -> nothing. */
static int call_back(lua_State *L)
{
    crun__callbacks_run(L, 1, 2);
    return 0;
}

/*
 * Starts the callbacks, which are at index `list`, then wakes who waits, in order, as tasks do.
 * Once all has ended nothing can be started. Raises nothing: it is set, or it is not.
 */
static void end(lua_State *L, int index, crun_task_status status, int list)
{
    lfuture *f = lua_touserdata(L, index);
    crun__lua *u = crun__universe;
    if (lua_istable(L, list) && u && !u->finished) {
        lua_pushcfunction(L, call_back);
        lua_pushvalue(L, list);
        lua_pushvalue(L, index);
        if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
            lua_pop(L, 1);
            (void)fputs("crun: not enough memory for the callbacks of a Future\n", stderr);
            u->failures++;
        }
    }
    crun__future_end(&f->future, status);
}

void crun__lfuture_return(lua_State *L, int index, int results)
{
    lfuture *f = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (results > 1) {
        lua_createtable(L, results, 0);
        lua_insert(L, -results - 1);
        for (int i = results; i >= 1; i--)
            lua_rawseti(L, -i - 1, i);
    }
    if (results > 0)
        lua_setiuservalue(L, index, VALUE);
    f->results = results;
    lua_getiuservalue(L, index, MORE);
    lua_pushnil(L);
    lua_setiuservalue(L, index, MORE);
    end(L, index, CRUN_TASK_RETURNED, lua_gettop(L));
    lua_pop(L, 1);
}

void crun__lfuture_fail(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_traceback(L, L, NULL, 1);
    crun__lfuture_fail_with(L, index);
}

void crun__lfuture_fail_with(lua_State *L, int index)
{
    lfuture *f = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    lua_getiuservalue(L, index, MORE);
    int list = lua_gettop(L);
    f->seen = !crun__waitq_empty(&f->future.joiners) || lua_istable(L, list);
    if (!f->seen)
        list_unseen(L, index);
    lua_pushvalue(L, list - 1);
    lua_setiuservalue(L, index, MORE);
    lua_pushvalue(L, list - 2);
    lua_setiuservalue(L, index, VALUE);
    end(L, index, CRUN_TASK_FAILED, list);
    lua_settop(L, list - 3);
}

void crun__lfuture_cancel(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_setiuservalue(L, index, VALUE);
    lua_getiuservalue(L, index, MORE);
    lua_pushnil(L);
    lua_setiuservalue(L, index, MORE);
    end(L, index, CRUN_TASK_CANCELLED, lua_gettop(L));
    lua_pop(L, 1);
}

static const char *status_name(const lfuture *f)
{
    switch (f->future.status) {
    case CRUN_TASK_RETURNED:
        return "returned";
    case CRUN_TASK_FAILED:
        return "failed";
    case CRUN_TASK_CANCELLED:
        return "cancelled";
    default:
        return "pending";
    }
}

static void check_pending(lua_State *L, const lfuture *f, const char *name)
{
    if (!crun__future_pending(&f->future))
        luaL_error(L, "%s: the Future has already been set (%s)", name, status_name(f));
}

/* future:set_result(...): any number of values. Raises when it has been set. Switches: never. */
static int l_set_result(lua_State *L)
{
    check_pending(L, check(L), "set_result");
    crun__lfuture_return(L, 1, lua_gettop(L) - 1);
    return 0;
}

/*
 * future:set_error(err): any value, as for error(). Raises when it has been set. Switches: never.
 */
static int l_set_error(lua_State *L)
{
    check_pending(L, check(L), "set_error");
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    crun__lfuture_fail(L, 1);
    return 0;
}

/* future:cancel([reason]) -> true if it was pending. Switches: never. */
static int l_cancel(lua_State *L)
{
    const lfuture *f = check(L);
    lua_settop(L, 2);
    bool pending = crun__future_pending(&f->future);
    if (pending) {
        crun__cancelled_push(L, 2, 1, 0);
        crun__lfuture_ask(L, 1);
    }
    lua_pushboolean(L, pending);
    return 1;
}

/* --- reading it --------------------------------------------------------------------------- */

int crun__lfuture_results(lua_State *L, int index)
{
    const lfuture *f = lua_touserdata(L, index);
    if (f->future.status != CRUN_TASK_RETURNED)
        return 0;
    luaL_checkstack(L, f->results + 1, "too many results");
    if (f->results > 0)
        lua_getiuservalue(L, index, VALUE);
    if (f->results > 1) {
        int values = lua_gettop(L);
        for (int i = 1; i <= f->results; i++)
            lua_rawgeti(L, values, i);
        lua_remove(L, values);
    }
    return f->results;
}

void crun__lfuture_first_result(lua_State *L, int index)
{
    const lfuture *f = lua_touserdata(L, index);
    if (f->future.status != CRUN_TASK_RETURNED || f->results == 0) {
        lua_pushnil(L);
        return;
    }
    lua_getiuservalue(L, index, VALUE);
    if (f->results > 1) {
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
}

void crun__lfuture_error(lua_State *L, int index)
{
    lua_getiuservalue(L, index, VALUE);
}

static int get_now(lua_State *L)
{
    const lfuture *f = lua_touserdata(L, 1);
    crun__lfuture_look(L, 1);
    if (f->future.status == CRUN_TASK_RETURNED)
        return crun__lfuture_results(L, 1);
    crun__lfuture_error(L, 1);
    return lua_error(L);
}

enum { JOIN, GET };

static int look(lua_State *L, lua_KContext what)
{
    if (what == GET)
        return get_now(L);
    crun__lfuture_look(L, 1);
    lua_pushboolean(L, 1);
    return 1;
}

static int wait_finish(lua_State *L, int status, lua_KContext what)
{
    (void)status;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : look(L, what);
}

static int wait(lua_State *L, lua_KContext what)
{
    lfuture *f = check(L);
    if (!crun__future_pending(&f->future))
        return look(L, what);
    crun_task *self = crun__lua_self(L);
    crun_time deadline = crun__lua_last_deadline(L, 2);
    crun__future_begin(&f->future, self);
    return crun__lua_park(L, self, deadline, what, wait_finish);
}

/* future:join([seconds]) -> true | nil, message, "ETIMEDOUT". May wait. */
static int l_join(lua_State *L)
{
    return wait(L, JOIN);
}

/*
 * future:get([seconds]) -> its results | raises its error | nil, message, "ETIMEDOUT". May wait.
 */
static int l_get(lua_State *L)
{
    return wait(L, GET);
}

/* future:result() -> its results; nothing unless it has been set to them. */
static int l_result(lua_State *L)
{
    check(L);
    return crun__lfuture_results(L, 1);
}

/* future:exception() -> its error or cancel error | nil. */
static int l_exception(lua_State *L)
{
    const lfuture *f = check(L);
    if (f->future.status > CRUN_TASK_RETURNED) {
        crun__lfuture_look(L, 1);
        crun__lfuture_error(L, 1);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int l_done(lua_State *L)
{
    lua_pushboolean(L, !crun__future_pending(&check(L)->future));
    return 1;
}

static int l_cancelled(lua_State *L)
{
    lua_pushboolean(L, check(L)->future.status == CRUN_TASK_CANCELLED);
    return 1;
}

static int l_status(lua_State *L)
{
    lua_pushstring(L, status_name(check(L)));
    return 1;
}

/* future:traceback() -> where it was set to an error, or "". */
static int l_traceback(lua_State *L)
{
    const lfuture *f = check(L);
    if (f->future.status == CRUN_TASK_FAILED)
        lua_getiuservalue(L, 1, MORE);
    else
        lua_pushliteral(L, "");
    return 1;
}

/*
 * future:on_done(fn) -> handle with remove(); fn(future) is called once it is set, in a task of its
 * own. Switches: never.
 */
static int l_on_done(lua_State *L)
{
    const lfuture *f = check(L);
    crun__lua_checkcallable(L, 2);
    lua_settop(L, 2);
    crun__callback_new(L, 2);
    if (!crun__future_pending(&f->future)) {
        crun__lfuture_look(L, 1);
        crun__callback_start(L, 3, 1);
        return 1;
    }
    if (lua_getiuservalue(L, 1, MORE) != LUA_TTABLE) {
        lua_pop(L, 1);
        crun__callbacks_new(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, MORE);
    }
    crun__callbacks_add(L, -1, 3);
    lua_settop(L, 3);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const lfuture *f = check(L);
    lua_pushfstring(L, "crun.Future: %s, %I waiting", status_name(f),
                    (LUAI_UACINT)crun__waitq_count(&f->future.joiners));
    return 1;
}

static const luaL_Reg methods[] = {
    {"set_result", l_set_result},
    {"set_error", l_set_error},
    {"cancel", l_cancel},
    {"join", l_join},
    {"get", l_get},
    {"result", l_result},
    {"exception", l_exception},
    {"done", l_done},
    {"cancelled", l_cancelled},
    {"status", l_status},
    {"traceback", l_traceback},
    {"on_done", l_on_done},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__tostring", l_tostring}, {NULL, NULL}};

const crun__class crun__future_class = {"crun.Future", methods, metamethods, sizeof(lfuture), 2};

/* Future() -> Future that is pending. Switches: never. */
static int l_future(lua_State *L)
{
    crun__lfuture_new(L);
    return 1;
}

/* The class's metatable with a finalizer. */
static void open_unseen(lua_State *L)
{
    lua_newtable(L);
    luaL_getmetatable(L, crun__future_class.name);
    for (lua_pushnil(L); lua_next(L, -2);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, future_gc);
    lua_setfield(L, -2, "__gc");
    lua_setfield(L, LUA_REGISTRYINDEX, UNSEEN_META);
}

void crun__open_future(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Future", l_future}, {NULL, NULL}};
    crun__class_open(L, &crun__future_class, 0);
    open_unseen(L);
    crun__weak_table_push(L, "v");
    lua_setfield(L, LUA_REGISTRYINDEX, UNSEEN);
    crun__open_functions(L, functions);
}
